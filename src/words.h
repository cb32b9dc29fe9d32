/*-------------------------------------------------------------------------
 *
 * words.h
 *	  The words of SQL calls and of the catalog, each list as an enum.
 *
 * Inside the extension everything is an enum; words stand only where SQL comes
 * in or goes out: arguments, the extension's tables, results.  Each enum has
 * one array of words.
 *
 * IDENTIFICATION
 *	  src/words.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef CKPT_WORDS_H
#define CKPT_WORDS_H

/* What a step does. */
typedef enum CkptKind
{
	CKPT_QUERY,
	CKPT_MAP,
	CKPT_GEN,
	CKPT_AGG,
	CKPT_SAVE,
	CKPT_CHECK_EMPTY
} CkptKind;

/*
 * ckpt_unit_word returns what a step of a kind works on is called: one unit, or
 * another number of them.
 */
static inline const char *
ckpt_unit_word(CkptKind kind, bool one)
{
	if (kind == CKPT_AGG)
		return one ? "group" : "groups";
	return one ? "row" : "rows";
}

/* What has become of a job. */
typedef enum CkptJobStatus
{
	CKPT_JOB_RUNNING,
	CKPT_JOB_COMPLETE,
	CKPT_JOB_COMPLETE_WITH_ERRORS,
	CKPT_JOB_FAILED,
	CKPT_JOB_CANCELLED,
	CKPT_JOB_INTERRUPTED,
	CKPT_JOB_STOPPED			/* a budget is spent */
} CkptJobStatus;

/* What has become of a step. */
typedef enum CkptStepAction
{
	CKPT_STEP_RUNNING,
	CKPT_STEP_FAILED,
	CKPT_STEP_COMPUTED,
	CKPT_STEP_CONTINUED,
	CKPT_STEP_CARRIED_OVER,
	CKPT_STEP_REUSED,
	CKPT_STEP_STOPPED,			/* a budget is spent */
	CKPT_STEP_INLINED			/* it has no rows of its own */
} CkptStepAction;

/* How far a running step has come. */
typedef enum CkptPhase
{
	CKPT_PHASE_READING,
	CKPT_PHASE_CARRYING,
	CKPT_PHASE_RUNNING,
	CKPT_PHASE_FINISHING
} CkptPhase;

/* What a process of a step waits for between two transactions. */
typedef enum CkptWaitingFor
{
	CKPT_WAITING_NOT,
	CKPT_WAITING_PAUSED,
	CKPT_WAITING_RATE,
	CKPT_WAITING_RETRY,
	CKPT_WAITING_WAL_RATE,
	CKPT_WAITING_REPLICA_LAG
} CkptWaitingFor;

/* What to do about a row that fails. */
typedef enum CkptOnError
{
	CKPT_ERROR_STOP,
	CKPT_ERROR_SKIP
} CkptOnError;

/* When a job's targets change. */
typedef enum CkptPublishWhen
{
	CKPT_PUBLISH_STEP,			/* each when its step is done */
	CKPT_PUBLISH_END			/* all when the job has ended */
} CkptPublishWhen;

/* What to do about rows that other code has computed. */
typedef enum CkptOnCodeChange
{
	CKPT_CODE_CONTINUE,			/* keep them */
	CKPT_CODE_RECOMPUTE,		/* compute them again */
	CKPT_CODE_RESTART,			/* compute all rows again */
	CKPT_CODE_ACCEPT			/* keep them, also where all is finished */
} CkptOnCodeChange;

/* The words of an enum. */
typedef struct CkptWords
{
	const char *what;			/* the enum is, for error messages */
	const char *const *words;	/* by its values */
	int			n;
} CkptWords;

extern const CkptWords ckpt_kinds;
extern const CkptWords ckpt_job_statuses;
extern const CkptWords ckpt_step_actions;
extern const CkptWords ckpt_phases;
extern const CkptWords ckpt_waits;
extern const CkptWords ckpt_on_errors;
extern const CkptWords ckpt_on_code_changes;
extern const CkptWords ckpt_publish_whens;

extern const char *ckpt_word(const CkptWords *words, int value);
extern int	ckpt_word_find(const CkptWords *words, const char *word);
extern int	ckpt_word_value(const CkptWords *words, const char *word);
extern char *ckpt_word_list(const CkptWords *words);

#define ckpt_kind_name(kind) ckpt_word(&ckpt_kinds, kind)

#endif							/* CKPT_WORDS_H */
