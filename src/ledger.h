/*-------------------------------------------------------------------------
 *
 * ledger.h
 *	  What is on record of a checkpoint's rows: done, failed, by which code.
 *
 * The ledger of a checkpoint says of each of its input rows, 1 .. N, whether it
 * is processed, with which version of the code and by which process; which rows
 * are in quarantine, with which error; and which rows a process had claimed when
 * it crashed.  With the processed rows go totals: how many there are, how many
 * output rows they have, and the sum of those rows' hashes.
 *
 * It does not know what a row is (an input row, a group of rows), what is in the
 * tables of input and output, who has claimed which rows, or what code is beyond
 * its hash.  A job is a number to it.  Rows that somebody has given up are kept as
 * those of a version of the code that nothing has, which gives no output.
 *
 * Whoever computes rows calls it: the session and the workers of a step, the
 * carrying over of results, and code outside of the server by way of SQL
 * functions.  Rows are marked in the transaction that writes their results, so
 * that both are there or neither is.  A writer opens a CkptLedger with a number
 * of its own, marks rows as it likes, and has the marks stored before each
 * commit:
 *
 *	ledger = ckpt_ledger_open(cp, &code, CKPT_LEDGER_SESSION);
 *	for each transaction
 *		while there is work
 *			ckpt_ledger_mark(ledger, first, last);
 *			ckpt_ledger_add_output(ledger, &sum, max_output_id);
 *			or, for a row that failed: ckpt_ledger_fail(ledger, id, &failure);
 *		ckpt_ledger_store(ledger);
 *
 * Each writer updates rows of its own: two never wait for each other.  So no two
 * writers with the same number may be between opening and committing at the
 * same time; who gives out the numbers sees to that, as the lock of a run group
 * does for the processes of a step.  What others commit, a writer does not see
 * before ckpt_ledger_refresh(): that no two processes mark the same row is for
 * whoever hands out the rows.
 *
 * Rights are not checked here.
 *
 * IDENTIFICATION
 *	  src/ledger.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef CKPT_LEDGER_H
#define CKPT_LEDGER_H

#include "catalog.h"
#include "code.h"
#include "idset.h"
#include "nodes/pg_list.h"
#include "rowhash.h"

/* The writer's number of the session that runs a step.  Its workers have 1, ... */
#define CKPT_LEDGER_SESSION		0

/* That of all clients: see ledger_client.h. */
#define CKPT_LEDGER_CLIENTS		(-1)

/* One process's part of the ledger of a checkpoint. */
typedef struct CkptLedger CkptLedger;

/* What was computed of a checkpoint. */
typedef struct CkptWorkDone
{
	int64		processed;		/* input rows */
	int64		max_output_id;	/* largest sys__id given out, for gen */
	CkptRowSum	output;			/* output rows */
} CkptWorkDone;

/* A version of the code that a checkpoint was worked on with. */
typedef struct CkptCodeVersion
{
	int			code_no;		/* the ledger's number for it */
	CkptCode	code;
	int64		rows;			/* it has computed */
} CkptCodeVersion;

/* Why a row is in quarantine. */
typedef struct CkptFailure
{
	const char *sqlstate;
	const char *message;
	const char *detail;			/* or NULL */
	const char *context;		/* or NULL */
	int			attempts;		/* that are new */
} CkptFailure;

/* writing */
extern CkptLedger *ckpt_ledger_open(const CkptCheckpoint *cp, const CkptCode *code,
									int writer);
extern const CkptIdSet *ckpt_ledger_closed(const CkptLedger *ledger);
extern const CkptIdSet *ckpt_ledger_suspects(const CkptLedger *ledger);
extern void ckpt_ledger_close_crashed(CkptLedger *ledger);
extern void ckpt_ledger_refresh(CkptLedger *ledger);
extern int64 ckpt_ledger_mark(CkptLedger *ledger, int64 first, int64 last);
extern bool ckpt_ledger_mark_set(CkptLedger *ledger, const CkptIdSet *ids);
extern void ckpt_ledger_add_output(CkptLedger *ledger, const CkptRowSum *output,
								   int64 max_output_id);
extern void ckpt_ledger_fail(CkptLedger *ledger, int64 id, const CkptFailure *failure);
extern void ckpt_ledger_take_code(CkptLedger *ledger, const CkptCode *code);
extern void ckpt_ledger_store(CkptLedger *ledger);

/* a checkpoint as a whole */
extern CkptWorkDone ckpt_ledger_totals(const CkptCheckpoint *cp);
extern CkptIdSet *ckpt_ledger_processed(const CkptCheckpoint *cp);
extern void ckpt_ledger_store_query(const CkptCheckpoint *cp, const CkptRowSum *rows);
extern void ckpt_ledger_finish(const CkptCheckpoint *cp);
extern void ckpt_ledger_forget(const CkptCheckpoint *cp);

/* versions of the code */
extern int	ckpt_ledger_note_code(const CkptCheckpoint *cp, const CkptCode *code);
extern List *ckpt_ledger_codes(const CkptCheckpoint *cp);
extern int64 ckpt_ledger_rows_of_code(const CkptCheckpoint *cp, const CkptCode *code);
extern void ckpt_ledger_add_processed_by(const CkptCheckpoint *cp,
										 const CkptCodeVersion *version, CkptIdSet *set);
extern void ckpt_ledger_accept_code(const CkptCheckpoint *cp, const CkptCode *code);
extern bool ckpt_ledger_is_accepted(const CkptCheckpoint *cp, const CkptCode *code);
extern void ckpt_ledger_forget_other_code(const CkptCheckpoint *cp, const CkptCode *code);

/* rows in quarantine, and rows that crashed a process */
extern void ckpt_ledger_quarantine(const CkptCheckpoint *cp, int64 id,
								   const CkptFailure *failure);
extern void ckpt_ledger_reopen_failed(const CkptCheckpoint *cp, int64 job_id);
extern int64 ckpt_ledger_count_failed(const CkptCheckpoint *cp, int64 job_id);
extern int	ckpt_ledger_record_crash(const CkptCheckpoint *cp, int64 id);
extern CkptIdSet *ckpt_ledger_crashed_twice(const CkptCheckpoint *cp);
extern CkptIdSet *ckpt_ledger_failed(const CkptCheckpoint *cp);

/* rows that were given up: processed, without output, whatever the code is */
extern const CkptCode ckpt_ledger_given_up_code;
extern bool ckpt_ledger_give_up(const CkptCheckpoint *cp, int64 id, const char *reason);
extern CkptIdSet *ckpt_ledger_given_up(const CkptCheckpoint *cp);
extern int64 ckpt_ledger_count_given_up(const CkptCheckpoint *cp);
extern CkptIdSet *ckpt_ledger_computed(const CkptCheckpoint *cp);
extern void ckpt_ledger_give_up_likewise(const CkptCheckpoint *cp, int64 id,
										 const CkptCheckpoint *base, int64 base_id);

#endif							/* CKPT_LEDGER_H */
