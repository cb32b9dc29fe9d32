/*-------------------------------------------------------------------------
 *
 * code.c
 *	  A version of the code that computes rows.
 *
 * IDENTIFICATION
 *	  src/code.c
 *
 *-------------------------------------------------------------------------
 */
#include "checkpoint.h"

#include "code.h"
#include "statement.h"

/*
 * ckpt_code_difference says in words what the components of two versions do not
 * have in common, naming one thing; NULL if nothing.
 */
char *
ckpt_code_difference(const CkptCode *old, const CkptCode *new)
{
	STATEMENT(st, "SELECT key || CASE WHEN key LIKE 'setting %' THEN ' changed'"
			  " WHEN o.value IS NULL THEN ' added'"
			  " WHEN n.value IS NULL THEN ' no longer used' ELSE ' changed' END"
			  " FROM jsonb_each_text($1::jsonb) o FULL JOIN jsonb_each_text($2::jsonb) n USING (key)"
			  " WHERE o.value IS DISTINCT FROM n.value"
			  " ORDER BY o.value IS NULL OR n.value IS NULL, key = 'expression', key LIMIT 1");

	ckpt_arg_text(&st, old->components);
	ckpt_arg_text(&st, new->components);
	return ckpt_statement_text(&st);
}
