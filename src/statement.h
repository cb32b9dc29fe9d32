/*-------------------------------------------------------------------------
 *
 * statement.h
 *	  The one door that our own SQL on the extension's tables goes through.
 *
 * Who spells SQL on a table is that table's module: ledger.c for processed sets,
 * work, code versions, errors and crashes, catalog.c for jobs, steps and
 * checkpoints.  Nobody else has statements on tables.  Whether the user may do
 * what is asked for is the callers' business: see ckpt_role_check().
 *
 * It does not know what a statement means.  Only those modules may call it.
 *
 *	STATEMENT(st, "SELECT ... WHERE job_id = $1");
 *
 *	ckpt_arg_int8(&st, job_id);
 *	value = ckpt_statement_int8(&st, 0);
 *
 * Of more than one value, the rows are read between ckpt_statement_open() and
 * ckpt_statement_close().
 *
 * IDENTIFICATION
 *	  src/statement.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef CKPT_STATEMENT_H
#define CKPT_STATEMENT_H

#include "executor/spi.h"
#include "utils/array.h"

#define CKPT_MAX_ARGS	30

/* What a session keeps of a statement. */
typedef struct CkptPlan
{
	SPIPlanPtr	plan;			/* NULL before it has been run */
	uint32		uses;			/* how often it has been run */
} CkptPlan;

/* A statement: its text, its plan once it has been run, its parameters. */
typedef struct CkptStatement
{
	const char *sql;
	CkptPlan   *plan;
	bool		latest;			/* a SELECT that sees what is committed by now,
								 * whatever the transaction's snapshot is */
	int			nargs;
	Oid			types[CKPT_MAX_ARGS];
	Datum		values[CKPT_MAX_ARGS];
	char		nulls[CKPT_MAX_ARGS];

	/* while it is open */
	MemoryContext caller;
	Oid			save_userid;
	int			save_sec_context;
	int			save_nestlevel;
} CkptStatement;

/* Each use of this macro is one statement, planned a few times in a session. */
#define STATEMENT(name, text) \
	static CkptPlan name##_plan = {NULL, 0}; \
	CkptStatement name = {.sql = text, .plan = &name##_plan}

extern void ckpt_arg_datum(CkptStatement *st, Oid type, Datum value, bool isnull);
extern void ckpt_arg_int8(CkptStatement *st, int64 value);
extern void ckpt_arg_count(CkptStatement *st, int64 value);
extern void ckpt_arg_int4(CkptStatement *st, int value);
extern void ckpt_arg_bool(CkptStatement *st, bool value);
extern void ckpt_arg_oid(CkptStatement *st, Oid value);
extern void ckpt_arg_text(CkptStatement *st, const char *value);
extern void ckpt_arg_array(CkptStatement *st, Oid type, ArrayBuildState *array);
extern void ckpt_arg_names(CkptStatement *st, List *names);

extern Oid	ckpt_statement_owner(void);
extern uint64 ckpt_statement_open(CkptStatement *st, int expected);
extern void ckpt_statement_close(CkptStatement *st);
extern uint64 ckpt_statement_run(CkptStatement *st, int expected);
extern int64 ckpt_statement_int8(CkptStatement *st, int64 without_row);
extern char *ckpt_statement_text(CkptStatement *st);

extern int64 ckpt_row_int8(uint64 row, int col);
extern bool ckpt_row_bool(uint64 row, int col);
extern char *ckpt_row_text(CkptStatement *st, uint64 row, int col);

#endif							/* CKPT_STATEMENT_H */
