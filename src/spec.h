/*-------------------------------------------------------------------------
 *
 * spec.h
 *	  What a step is to compute, and how: the arguments of its call.
 *
 * Filled once, by call.c from an SQL call or by catalog.c from the record of a call,
 * and handed on by pointer.  Nobody changes it afterwards.  A new argument is a
 * field here and a line in the table of call.c.
 *
 * IDENTIFICATION
 *	  src/spec.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef CKPT_SPEC_H
#define CKPT_SPEC_H

#include "checkpoint.h"

/* Which step: of which run group, and its name. */
typedef struct CkptStepRef
{
	Oid			owner;			/* see ckpt_role_oid() */
	const char *job_name;
	const char *step;
} CkptStepRef;

/* A number or a time that was not given. */
#define CKPT_NONE		(-1)

#define CKPT_MAX_BATCH	10000
#define CKPT_MAX_RATE	1000000.0

typedef struct CkptSpec
{
	CkptKind	kind;
	const int64 *job;			/* NULL is the session's */
	char	   *step;			/* its name; NULL is, of save, the target */
	char	   *target;			/* of save: the name that it publishes under, or NULL */

	/* what it computes */
	char	   *query;			/* argument "input" or "query" */
	char	   *udf;			/* or NULL */
	char	   *partition_by;	/* of agg: columns of the input */
	char	   *keep;			/* of gen: columns of the input in the output, or NULL */
	char	   *output;			/* columns that clients compute, or NULL: see client.c */
	char	   *reads;			/* by clients: columns of the input, or NULL */

	/* what counts as the same */
	bool		cache_enabled;
	char	   *cache_version;	/* or NULL */
	char	   *code_version;	/* or NULL */
	char	   *depends_on;		/* query, or NULL */
	char	   *probe;			/* or NULL */
	CkptOnCodeChange on_code_change;

	/* how rows are computed */
	int			workers;		/* processes, with the session */
	CkptOnError on_error;
	int			max_errors;		/* or CKPT_NONE */
	double		max_error_rate; /* of the rows tried, or CKPT_NONE */
	int			retries;		/* of a row */
	int64		retry_delay;	/* microseconds before the first of them */
	int64		unit_timeout;	/* microseconds, or CKPT_NONE */
	int			batch;			/* rows a call, as arrays; 0 is a row, as it is */
	double		rate;			/* calls a second, or CKPT_NONE */
	int64		max_rows;		/* to compute in this call, or CKPT_NONE */
	int64		max_time;		/* microseconds, or CKPT_NONE */

	/* how the result is kept */
	int			materialized;	/* false, true or CKPT_NONE: a hint */
	bool		as_table;		/* of save: the target is a table, else a view */
	char	   *message;		/* of check_empty: its error, or NULL */
} CkptSpec;

#endif							/* CKPT_SPEC_H */
