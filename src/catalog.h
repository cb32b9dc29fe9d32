/*-------------------------------------------------------------------------
 *
 * catalog.h
 *	  Jobs, steps, checkpoints and published names, as C structs and functions.
 *
 * One function for each question or change, whose SQL is in catalog.c,
 * catalog_checkpoint.c and catalog_target.c.  The rows that a checkpoint has processed are the
 * ledger's (ledger.h).  The module decides
 * nothing: what a status means, and which checkpoint serves, is for job.c and
 * reuse.c to say.  Anybody from the level of steps upwards may call it; rights are
 * checked by the caller, see role.h.  Results are in the caller's memory context.
 *
 * IDENTIFICATION
 *	  src/catalog.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef CKPT_CATALOG_H
#define CKPT_CATALOG_H

#include "checkpoint.h"

#include "datatype/timestamp.h"
#include "nodes/parsenodes.h"
#include "spec.h"

/* A row of checkpoint.job. */
typedef struct CkptJob
{
	int64		job_id;
	char	   *name;
	Oid			owner;			/* see ckpt_role_oid() */
	CkptJobStatus status;
	bool		attached;
	bool		fresh;
	char	   *resume_from;	/* step, or NULL */
	char	   *started_at;		/* as text */
	char	   *refused;		/* the last call of a step that was refused, or NULL */
	char	   *max_time;		/* interval in words, or NULL */
	int64		until;			/* when that is over, ckpt_now_ms() */
	CkptPublishWhen publish;
	bool		by_name;		/* its owner had no role yet when it was stored: see
								 * ckpt_catalog_adopt() */
	bool		paused;
	bool		has_running;	/* steps of it are stored as running in a process */
} CkptJob;

/*
 * A step that is not stored: how it stands in the queries of later steps.
 */
typedef struct CkptInline
{
	char	   *step;
	char	   *query;			/* as analysed at its own call; "sys__1" is the
								 * first step of reads */
	List	   *reads;			/* names of steps */
	char	   *code;			/* hash of what its call and its UDF consist of */
	char	   *probe;			/* what stands for the input, or NULL */
	bool		anew;			/* what reads it ignores all that was kept */
	bool		versioned;		/* the user answers for its code */
	List	   *among;			/* CkptStepOutputs of its job */

	/* set by the analysis of queries */
	Query	   *analyzed;		/* or NULL */
} CkptInline;

/*
 * What an earlier step of a job left for later ones; or, where a job is only
 * explained, would leave.
 */
typedef struct CkptStepOutput
{
	char	   *step;
	CkptKind	kind;
	char	   *table;			/* NULL if its checkpoint is gone, or not there yet */
	TupleDesc	desc;			/* of a table that is not there yet, else NULL */
	bool		resumed;		/* it is computed anew as the job resumes there */
	CkptInline *inlined;		/* NULL if it is stored */

	/* set by the analysis of queries */
	bool		used;			/* a query reads this output ... */
	bool		ids_used;		/* ... and its sys__ columns */
	bool		within;			/* an inlined step that a query reads reads it */
} CkptStepOutput;

/* Numbers of a row of checkpoint.step; -1 is not known. */
typedef struct CkptStepCounts
{
	int64		total;
	int64		kept;
	int64		computed;
	int64		failed;
	int64		output;
	double		seconds;		/* that computing took */
} CkptStepCounts;

/* How a step has ended that is stored only then. */
typedef struct CkptStepEnd
{
	CkptStepAction action;
	const char *reason;
	int64		checkpoint_id;
	const char *derivation;		/* see ckpt_catalog_store_identity() */
	const char *input_hash;
	CkptStepCounts counts;
	TimestampTz started;
} CkptStepEnd;

/* A step that clients compute, as it was opened. */
typedef struct CkptClientStep
{
	int64		step_id;
	int64		job_id;
	int64		checkpoint_id;
	CkptSpec	spec;
	CkptStepAction outcome;		/* what becomes of it when it is finished */
	CkptStepCounts counts;
	TimestampTz started;
} CkptClientStep;

/* A row of checkpoint.checkpoint. */
typedef struct CkptCheckpoint
{
	int64		id;
	Oid			owner;			/* see ckpt_role_oid() */
	char	   *job_name;
	char	   *step;
	int64		job_id;			/* the last job that computed rows of it */
	CkptKind	kind;
	bool		final;
	char	   *input_hash;
	char	   *input_columns;	/* of the input table; NULL if not known */
	char	   *rows_hash;		/* content hash of the input, also of one that a
								 * probe identifies; NULL is not known */
	char	   *output_columns;
	char	   *udf_columns;	/* of these, the UDF's; NULL is not known */
	const char *code_hash;
	char	   *cache_version;	/* or NULL */
	bool		mixed_code;
	char	   *input_table;	/* NULL once dropped, and for queries */
	char	   *output_table;
	int64		rows_total;
	char	   *content_hash;	/* NULL while partial */
	int64		carried_from;	/* checkpoint that most rows came from, or 0 */
	bool		fresh;			/* made to replace what there is */
	bool		expired;		/* not to be used any more: see reuse.c */
	TimestampTz last_used;
	int64		open_step;		/* step that clients compute rows of it for, or 0 */
	int			open_code;		/* the ledger's number of their code */
} CkptCheckpoint;

/* A name that the result of a step is published under. */
typedef struct CkptTarget
{
	char	   *schema;
	char	   *name;			/* in it */
	char	   *qualified;		/* both, as SQL writes them */
	bool		as_table;		/* else a view */
	const char *step;
	int64		checkpoint_id;	/* whose output it is to show; 0 is not known yet */
} CkptTarget;

/* A row of checkpoint.target: what was published under a name last. */
typedef struct CkptTargetRecord
{
	bool		as_table;
	bool		made;			/* by a step, else a table made by hand */
	char	   *made_as;		/* the table that was; NULL is not known */
	int64		job_id;
	char	   *job_name;		/* NULL if the job is not on record any more */
	Oid			owner;			/* of its checkpoint; InvalidOid is not known */
} CkptTargetRecord;

/* access */
extern void ckpt_catalog_adopt(Oid role);

/* jobs */
extern int64 ckpt_catalog_insert_job(const char *name, Oid owner,
									 int64 rerun_of, bool attached, bool fresh,
									 const char *resume_from, const Interval *max_time,
									 CkptPublishWhen publish);
extern bool ckpt_catalog_get_job(int64 job_id, CkptJob *job);
extern List *ckpt_catalog_open_jobs(Oid owner, const char *name);
extern int64 ckpt_catalog_last_job(Oid owner, const char *name);
extern void ckpt_catalog_reopen_job(int64 job_id);
extern void ckpt_catalog_rename_group(Oid owner, const char *name, const char *new_name);
extern bool ckpt_catalog_lock_job(int64 job_id, bool wait);
extern bool ckpt_catalog_pause_job(int64 job_id, bool paused);
extern bool ckpt_catalog_job_is_paused(int64 job_id);
extern void ckpt_catalog_store_refused(int64 job_id, const char *refused);
extern void ckpt_catalog_end_job(int64 job_id, CkptJobStatus status, const char *error);

/* steps */
extern int64 ckpt_catalog_insert_step(int64 job_id, const char *step, const CkptSpec *spec,
									  bool resumed, List *outputs, const CkptStepEnd *end);
extern int64 ckpt_catalog_restart_step(int64 job_id, const char *step, const CkptSpec *spec,
									   bool resumed);
extern char *ckpt_catalog_failed_step(int64 job_id);
extern bool ckpt_catalog_step_failed(int64 job_id, const CkptSpec *spec);
extern bool ckpt_catalog_step_is_new(const CkptStepRef *ref, int64 job_id);
extern void ckpt_catalog_update_step(int64 step_id, CkptStepAction action,
									 const char *reason, int64 checkpoint_id,
									 const CkptStepCounts *counts, bool ended);
extern void ckpt_catalog_store_identity(int64 step_id, const char *derivation,
										const char *input_hash);
extern void ckpt_catalog_store_content(Oid owner, const char *object,
									   const char *derivation, const char *hash);
extern char *ckpt_catalog_known_content(Oid owner, const char *derivation);
extern char *ckpt_catalog_known_input(const char *derivation);
extern List *ckpt_catalog_recorded_steps(Oid owner, const char *name);
extern double ckpt_catalog_seconds_per_row(const CkptStepRef *ref);
extern bool ckpt_catalog_group_has_step(const CkptStepRef *ref);
extern List *ckpt_catalog_running_steps(int64 job_id);
extern CkptStepAction ckpt_catalog_step_action(int64 step_id);
extern Oid	ckpt_catalog_step_owner(int64 step_id);
extern int64 ckpt_catalog_step_checkpoint(int64 step_id);
extern char *ckpt_catalog_partition_by(int64 checkpoint_id);
extern int64 ckpt_catalog_running_step(int64 job_id, const char *step);
extern List *ckpt_catalog_step_outputs(int64 job_id, List *names);
extern bool ckpt_catalog_get_step_table(int64 job_id, const char *step, bool output,
										char **table);
extern int64 ckpt_catalog_last_call(int64 job_id);
extern bool ckpt_catalog_get_client_step(int64 step_id, CkptClientStep *step);
extern bool ckpt_catalog_find_client_step(int64 job_id, const char *step,
										  CkptClientStep *found);
extern void ckpt_catalog_store_outcome(int64 step_id, CkptStepAction outcome);
extern char *ckpt_catalog_open_step(int64 job_id);
extern void ckpt_catalog_close_open_steps(int64 job_id);
extern void ckpt_catalog_count_for_step(int64 step_id);
extern bool ckpt_catalog_server_works_on(int64 checkpoint_id);
extern int64 ckpt_catalog_job_of_client_step(int64 step_id);
extern bool ckpt_catalog_job_has_failed_rows(int64 job_id);

/* steps that are not stored */
extern void ckpt_catalog_store_inlined(int64 step_id, const CkptInline *inlined);
extern int64 ckpt_catalog_reinsert_inlined(int64 job_id, const char *step);
extern CkptSpec *ckpt_catalog_inlined_call(int64 job_id, const char *step, char **path);
extern bool ckpt_catalog_step_is_inlined(int64 job_id, const char *step);
extern char *ckpt_catalog_inlined_before(const CkptStepRef *ref, int64 job_id,
										 const CkptInline *inlined);
extern bool ckpt_catalog_was_stored(const CkptStepRef *ref, int64 job_id);

/* checkpoints */
extern int64 ckpt_catalog_next_checkpoint_id(void);
extern void ckpt_catalog_insert_checkpoint(const CkptCheckpoint *cp);
extern bool ckpt_catalog_get_checkpoint(int64 id, CkptCheckpoint *cp);
extern bool ckpt_catalog_get_checkpoint_now(int64 id, CkptCheckpoint *cp);
extern void ckpt_catalog_open_checkpoint(int64 id, int64 open_step, int open_code);
extern bool ckpt_catalog_find_by_input_table(const char *table, CkptCheckpoint *cp);
extern char *ckpt_catalog_input_view(Oid relid);
extern bool ckpt_catalog_others_depend(Oid relid);
extern bool ckpt_catalog_find_by_output_table(const char *table, CkptCheckpoint *cp);
extern List *ckpt_catalog_finals(Oid owner, const char *job_name,
								 const char *cache_key);
extern bool ckpt_catalog_has_candidate(const CkptStepRef *ref, CkptKind kind,
									   const char *output_columns,
									   const char *code_hash);
extern List *ckpt_catalog_group_checkpoints(const CkptStepRef *ref);
extern List *ckpt_catalog_unfinished_checkpoints(const CkptStepRef *ref);
extern bool ckpt_catalog_has_others(const CkptStepRef *ref, int64 id);
extern bool ckpt_catalog_has_fresh(const CkptStepRef *ref, int64 id);
extern void ckpt_catalog_update_checkpoint(const CkptCheckpoint *cp);
extern void ckpt_catalog_finish_checkpoint(const CkptCheckpoint *cp,
										   const char *cache_key);
extern void ckpt_catalog_replace_checkpoint(int64 id);
extern bool ckpt_catalog_replace_chain(int64 id);
extern List *ckpt_catalog_replaced_checkpoints(const CkptStepRef *ref);
extern void ckpt_catalog_lock_checkpoint(int64 id);
extern void ckpt_catalog_touch_checkpoint(int64 id);
extern void ckpt_catalog_touch_unfinished(int64 job_id);
extern void ckpt_catalog_delete_checkpoint(int64 id);

/* published names */
extern bool ckpt_catalog_get_target(const char *schema, const char *name,
									CkptTargetRecord *record);
extern void ckpt_catalog_record_target(const CkptTarget *target, int64 job_id,
									   bool made, const char *made_as, bool changed);
extern void ckpt_catalog_forget_target(const char *schema, const char *name);
extern void ckpt_catalog_store_step_target(int64 step_id, const CkptTarget *target);
extern List *ckpt_catalog_pending_targets(int64 job_id);
extern List *ckpt_catalog_abandoned_targets(const CkptJob *job);

#endif							/* CKPT_CATALOG_H */
