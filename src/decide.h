/*-------------------------------------------------------------------------
 *
 * decide.h
 *	  Which earlier work serves a step: reuse, continue or compute.
 *
 * IDENTIFICATION
 *	  src/decide.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef CKPT_DECIDE_H
#define CKPT_DECIDE_H

#include "carry.h"
#include "catalog.h"
#include "code.h"
#include "udf.h"

/* What to do about rows that other code has computed. */
typedef enum CkptOnCodeChange
{
	CKPT_CODE_CONTINUE,			/* keep them */
	CKPT_CODE_RECOMPUTE,		/* compute them again */
	CKPT_CODE_RESTART			/* compute all rows again */
} CkptOnCodeChange;

#define CKPT_NUM_ON_CODE_CHANGE	(CKPT_CODE_RESTART + 1)

extern const char *const ckpt_on_code_change_names[CKPT_NUM_ON_CODE_CHANGE];

/* A step that wants to be served. */
typedef struct CkptRequest
{
	Oid			owner;
	const char *job_name;
	const char *step;
	CkptKind	kind;			/* of its checkpoint */
	TupleDesc	input_desc;		/* sys__id and the query's columns */
	TupleDesc	output_desc;
	char	   *output_columns; /* the same as text */
	CkptUdf    *udf;			/* NULL for queries */
	CkptFingerprint *fingerprint;
	const char *cache_version;	/* or NULL */
	CkptOnCodeChange on_code_change;
	char	   *anew;			/* why all that was kept is to be ignored, or NULL */
	List	   *warned_about;	/* checkpoints with tables that cannot be used */
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
	bool		carry;			/* other checkpoints may have more to give */
	char	   *reason;
	int64		rows_before;	/* of the input that has changed, or -1 */
} CkptDecision;

extern const char *ckpt_decide_argument(CkptKind kind);
extern Query *ckpt_decide_analyze(CkptRequest *request, const CkptStepCall *call,
								  List *outputs);
extern CkptCode ckpt_decide_code(const CkptRequest *request);
extern bool ckpt_decide_needs_identity(CkptRequest *request, CkptDecision *decision);
extern CkptDecision ckpt_decide(CkptRequest *request, const char *input_hash);
extern char *ckpt_decide_key(const CkptRequest *request, const char *input_hash);
extern bool ckpt_decide_may_carry(const CkptRequest *request);
extern CkptCarryFrom ckpt_decide_carry_from(CkptRequest *request);
extern char *ckpt_decide_describe_input(int64 before, int64 now);

#endif							/* CKPT_DECIDE_H */
