-- wrk: one event, or a batch of BATCH events, a request; every event_id is new.
local batch = tonumber(os.getenv("BENCH_BATCH") or "0")
local products = tonumber(os.getenv("BENCH_PRODUCTS"))
local places = tonumber(os.getenv("BENCH_PLACES"))
local path = batch > 0 and "/v1/inventory-events/batch" or "/v1/inventory-events"
local headers = {
   ["content-type"] = "application/json",
   ["authorization"] = "Bearer " .. os.getenv("BENCH_KEY"),
}
local occurred_at = os.date("!%Y-%m-%dT%H:%M:%SZ")
local prefix, number

function init(args)
   math.randomseed(os.time() * 1000 + math.floor(os.clock() * 1000000))
   prefix = string.format("%08x-%04x-4%03x-8%03x", math.random(0, 0xffffffff),
      math.random(0, 0xffff), math.random(0, 0xfff), math.random(0, 0xfff))
   number = 0
end

local function event()
   number = number + 1
   return string.format(
      '{"event_id":"%s-%012x","event_type":"received","sku":"BENCH-%d","location":"BENCH-P%d",'
      .. '"quantity":1,"occurred_at":"%s"}',
      prefix, number, math.random(1, products), math.random(1, places), occurred_at)
end

function request()
   if batch == 0 then
      return wrk.format("POST", path, headers, event())
   end
   local events = {}
   for n = 1, batch do
      events[n] = event()
   end
   return wrk.format("POST", path, headers, '{"events":[' .. table.concat(events, ",") .. "]}")
end

function done(summary, latency, requests)
   local bad = summary.errors.status + summary.errors.connect + summary.errors.read
      + summary.errors.write + summary.errors.timeout
   io.write(string.format("RESULT %d %d %d %.3f %.3f\n", summary.requests, summary.duration, bad,
      latency:percentile(50) / 1000, latency:percentile(99) / 1000))
end
