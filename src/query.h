/*-------------------------------------------------------------------------
 *
 * query.h
 *	  Parses, analyses, plans and runs the queries of steps.
 *
 * The name of an earlier step is the name of a table there, and columns of the
 * extension are passed over.  The module is given the earlier steps' outputs as a
 * list; it does not know of jobs or checkpoints, nor what becomes of the rows.
 * Queries run as the current user, which the caller has set: see asuser.h.
 *
 * IDENTIFICATION
 *	  src/query.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef CKPT_QUERY_H
#define CKPT_QUERY_H

#include "nodes/parsenodes.h"
#include "nodes/plannodes.h"
#include "tcop/dest.h"

/*
 * What is in the place of a step's name in an analysed query: a sub-select whose
 * enrname is the name of the step if it is inlined, else this.
 */
#define CKPT_OUTPUT		"sys__output"

/* What is being parsed, for error reports. */
typedef struct CkptSource
{
	const char *argument;		/* the argument's name */
	const char *text;			/* what the user wrote */
	int			offset;			/* bytes put before it */
} CkptSource;

extern void ckpt_source_push(CkptSource *source, ErrorContextCallback *callback);
extern void ckpt_source_pop(ErrorContextCallback *callback);

extern List *ckpt_query_names(List *names, const char *sql, const char *argument);
extern Query *ckpt_query_analyze(const char *sql, const char *argument, List *outputs);
extern Query *ckpt_query_analyze_names(const char *sql, const char *argument, List *outputs);
extern Query *ckpt_query_rewrite(Query *query);
extern Oid	ckpt_query_function(const char *name, int nargs, const Oid *types);
extern PlannedStmt *ckpt_query_plan(Query *query, const char *sql, int cursor_options);
extern List *ckpt_query_columns(const char *text, const char *argument, const char *hint);
extern uint64 ckpt_query_run_plan(PlannedStmt *plan, const char *sql, DestReceiver *dest);
extern uint64 ckpt_query_run(Query *query, const char *sql, DestReceiver *dest);
extern Query *ckpt_query_over(Query *input, const char *alias);
extern uint64 ckpt_query_run_input(Query *query, const char *sql, DestReceiver *dest);

extern const char *ckpt_query_missing_name(const char *sql, const char *message);

#endif							/* CKPT_QUERY_H */
