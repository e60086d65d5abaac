{# Up to which event this run reads, inclusive. #}
{% macro to_position() -%}
    {{ var('to_position') | int }}
{%- endmacro %}

{# After which event this run has something new to read. #}
{% macro from_position() -%}
    {{ var('from_position') | int }}
{%- endmacro %}

{# The moment that decides which days are over. #}
{% macro as_of() -%}
    {{ dbt.string_literal(var('as_of')) }}::timestamptz
{%- endmacro %}

{# Whether a mart is made anew: asked for, or not there yet. #}
{% macro is_from_scratch(mart) %}
    {# while parsing: every reference is to be seen #}
    {% if not execute %}{{ return(false) }}{% endif %}
    {% set made_before = adapter.get_relation(target.database, 'marts', mart) %}
    {{ return(flags.FULL_REFRESH or made_before is none) }}
{% endmacro %}
