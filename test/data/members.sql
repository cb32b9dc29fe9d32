-- A hash of all that the extension consists of, as :members: its objects, what
-- they are made of, who may use them, and their comments.
SELECT md5(string_agg(description || ' ' || COALESCE(definition, '') || ' '
	|| COALESCE(comment, ''), E'\n' ORDER BY description COLLATE "C")) AS members
FROM (SELECT pg_describe_object(classid, objid, 0) AS description,
		obj_description(objid, classid::regclass::name) AS comment,
		CASE classid
		WHEN 'pg_class'::regclass THEN
			(SELECT jsonb_build_array(relkind, relpersistence, reloptions, relacl,
				CASE WHEN relkind = 'v' THEN pg_get_viewdef(c.oid) END,
				(SELECT jsonb_agg(jsonb_build_array(attnum, attname, attisdropped,
					format_type(atttypid, atttypmod), attnotnull, attidentity,
					pg_get_expr(adbin, adrelid)) ORDER BY attnum)
					FROM pg_attribute LEFT JOIN pg_attrdef ON adrelid = attrelid AND adnum = attnum
					WHERE attrelid = c.oid AND attnum > 0),
				(SELECT jsonb_agg(pg_get_constraintdef(o.oid) ORDER BY conname)
					FROM pg_constraint o WHERE conrelid = c.oid),
				(SELECT jsonb_agg(pg_get_indexdef(indexrelid) ORDER BY indexrelid::regclass::text)
					FROM pg_index WHERE indrelid = c.oid))::text
			FROM pg_class c WHERE c.oid = objid)
		WHEN 'pg_proc'::regclass THEN
			(SELECT jsonb_build_array(prokind, provolatile, proisstrict, proparallel, prosecdef,
				procost, prorows, proconfig, prosrc, proacl, pg_get_function_arguments(p.oid),
				pg_get_function_result(p.oid))::text
			FROM pg_proc p WHERE p.oid = objid)
		END AS definition
	FROM pg_depend
	WHERE refclassid = 'pg_extension'::regclass AND deptype = 'e'
		AND refobjid = (SELECT oid FROM pg_extension WHERE extname = 'checkpoint')) m \gset
