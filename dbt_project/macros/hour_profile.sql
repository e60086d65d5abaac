{#
  The share of a day's sales that falls before `moment` (a local timestamp) on `day` (a date),
  read from a site's cumulative profile: 25 values, at each full hour from 0 to 24.
#}
{% macro share_before(cumulative, day, moment) -%}
    {%- set hours -%}
        greatest(0, least(24, extract(epoch from {{ moment }} - {{ day }}) / 3600))::float8
    {%- endset -%}
    (
        {{ cumulative }}[1 + floor({{ hours }})::integer]
        + ({{ hours }} - floor({{ hours }}))
        * (
            {{ cumulative }}[least(25, 2 + floor({{ hours }})::integer)]
            - {{ cumulative }}[1 + floor({{ hours }})::integer]
        )
    )
{%- endmacro %}

{# The share of a day's sales that falls between two local moments; whole days are not computed. #}
{% macro share_between(cumulative, day, starts, ends) -%}
    case
        when {{ starts }} <= {{ day }} and {{ ends }} >= {{ day }} + interval '1 day' then 1
        else round(greatest(
            0,
            {{ share_before(cumulative, day, ends) }}
            - {{ share_before(cumulative, day, starts) }}
        )::numeric, 6)
    end
{%- endmacro %}
