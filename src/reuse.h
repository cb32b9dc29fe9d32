/*-------------------------------------------------------------------------
 *
 * reuse.h
 *	  Which earlier work serves a step: reuse, continue or compute.
 *
 * Compares what a call asks for with what is on record, and says so with a reason.
 * Changes nothing, and does not know how a row is computed.  Steps and the dry run
 * call it, and get the same answer.
 *
 * IDENTIFICATION
 *	  src/reuse.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef CKPT_REUSE_H
#define CKPT_REUSE_H

#include "carry.h"
#include "catalog.h"
#include "code.h"
#include "udf.h"

/* A step that wants to be served. */
typedef struct CkptRequest
{
	const CkptSpec *spec;
	CkptStepRef ref;
	int64		job_id;			/* 0 where it is only explained */
	CkptKind	kind;			/* of its checkpoint */
	TupleDesc	input_desc;		/* sys__id and the query's columns */
	TupleDesc	output_desc;
	char	   *output_columns; /* the same as text */
	char	   *udf_columns;	/* of these, the UDF's */
	CkptUdf    *udf;			/* NULL for queries */
	CkptCode	code;			/* that it is to be computed with */
	char	   *anew;			/* why all that was kept before this job is to be
								 * ignored, or NULL */
	List	   *warned_about;	/* checkpoints with tables that cannot be used */
	List	   *restarted;		/* unfinished ones (CkptCheckpoint *) whose rows are
								 * to be dropped, as their code changed */
} CkptRequest;

typedef enum CkptAction
{
	CKPT_COMPUTE,
	CKPT_CONTINUE,				/* a partial checkpoint */
	CKPT_REUSE					/* a final one */
} CkptAction;

typedef struct CkptDecision
{
	CkptAction	action;
	CkptCheckpoint *cp;			/* that serves, or NULL */
	bool		alone;			/* the step has none beside it that is unfinished or
								 * replaced */
	bool		carry;			/* other checkpoints may have more to give */
	int64		by_earlier;		/* rows of cp that are kept and of other code */
	bool		accept;			/* rows of cp count as of the code at hand now, too */
	char	   *reason;
	int64		rows_before;	/* of the input that has changed, or -1 */
	CkptKind	kind;			/* of the step that had them */
} CkptDecision;

extern const char *ckpt_reuse_argument(CkptKind kind);
extern Query *ckpt_reuse_analyze(CkptRequest *request, const CkptSpec *spec,
								  List *outputs);
extern bool ckpt_reuse_needs_identity(CkptRequest *request, CkptDecision *decision);
extern bool ckpt_reuse_is_final(CkptRequest *request, const char *input_hash);
extern CkptDecision ckpt_reuse_decide(CkptRequest *request, const char *input_hash);
extern char *ckpt_reuse_key(const CkptRequest *request, const char *input_hash);
extern bool ckpt_reuse_may_carry(const CkptRequest *request);
extern CkptCarryFrom ckpt_reuse_carry_from(CkptRequest *request);
/* Why a check is never reused. */
#define CKPT_CHECK_REASON	"checks are made in each run"

extern char *ckpt_reuse_carried_reason(const CkptDecision *decision,
									   const CkptCarryCounts *counts,
									   const char *input_hash, const char *rows_hash,
									   int64 rows);
extern char *ckpt_reuse_full_reason(CkptKind kind, char *reason, int64 kept, int64 by_earlier);

#endif							/* CKPT_REUSE_H */
