{#
  A history that ended more than a week ago is planned from its last day, so the silent days after
  it, which were facts while the site might still have been open, are taken back.
#}
{% macro forget_days_that_are_none() %}
delete from {{ this }} as facts
using (
    select
        site_id,
        max(day) as last_closed_day
    from {{ ref('int_site_days') }}
    where is_over
    group by site_id
) as calendar
where
    facts.site_id = calendar.site_id
    and facts.day > calendar.last_closed_day
{% endmacro %}
