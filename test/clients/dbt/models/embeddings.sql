{{ config(materialized='checkpoint_map', udf='embed(body) AS dims') }}
SELECT id, body FROM public.docs
