-- wrk: the levels of one product, or a page of 50 of all that match a search.
local search = os.getenv("BENCH_SEARCH")
local products = tonumber(os.getenv("BENCH_PRODUCTS"))
local headers = { ["authorization"] = "Bearer " .. os.getenv("BENCH_KEY") }

function request()
   local sku = "BENCH-" .. math.random(1, products)
   local path = "/v1/stock-levels?sku=" .. sku
   if search then
      path = "/v1/stock-levels?limit=50&search=" .. sku
   end
   return wrk.format("GET", path, headers)
end

function done(summary, latency, requests)
   local bad = summary.errors.status + summary.errors.connect + summary.errors.read
      + summary.errors.write + summary.errors.timeout
   print(string.format("RESULT %d %d %d %.3f %.3f", summary.requests, summary.duration, bad,
      latency:percentile(50) / 1000, latency:percentile(99) / 1000))
end
