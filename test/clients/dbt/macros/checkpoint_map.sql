{#- A model whose rows a function computes, one for each row of the model's query; a run that follows a
    failure computes those that are left. -#}
{% materialization checkpoint_map, adapter='postgres' %}
  {%- set target = this.incorporate(type='view') -%}
  {%- set job = 'dbt ' ~ this.schema ~ '.' ~ this.identifier -%}

  {#- dbt has begun a transaction, and steps commit.  No statement from here on may begin another. -#}
  {% do run_query('COMMIT') %}
  {% do run_query('SELECT checkpoint.begin_job(' ~ dbt.string_literal(dbt.escape_single_quotes(job)) ~ ')') %}
  {% do run_query('CALL checkpoint.map(' ~ dbt.string_literal('rows') ~ ', '
                  ~ dbt.string_literal(dbt.escape_single_quotes(sql)) ~ ', '
                  ~ dbt.string_literal(dbt.escape_single_quotes(config.require('udf'))) ~ ')') %}
  {% call statement('main', auto_begin=False) %}
    CALL checkpoint.save({{ dbt.string_literal(dbt.escape_single_quotes(target.schema ~ '.' ~ target.identifier)) }}, 'SELECT * FROM rows')
  {% endcall %}
  {% do run_query('SELECT checkpoint.end_job()') %}

  {{ return({'relations': [target]}) }}
{% endmaterialization %}
