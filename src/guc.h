/*-------------------------------------------------------------------------
 *
 * guc.h
 *	  The settings checkpoint.*, as C variables.
 *
 * It does not know what a setting is for.  Any file may include it.  Read a variable
 * where it is used; nobody but the server sets it.  A worker has
 * the values of the session that launched it.
 *
 * IDENTIFICATION
 *	  src/guc.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef CKPT_GUC_H
#define CKPT_GUC_H

/* Which steps are stored. */
typedef enum CkptMaterialize
{
	CKPT_MATERIALIZE_DEFAULT_ON,	/* all but those whose call says not */
	CKPT_MATERIALIZE_DEFAULT_OFF,	/* those whose call says so */
	CKPT_MATERIALIZE_ALWAYS,
	CKPT_MATERIALIZE_NEVER
} CkptMaterialize;

/* Most processes that may work on a step. */
#define CKPT_MAX_WORKERS	1024

extern char *ckpt_job_setting;	/* checkpoint.job, "" if none */
extern bool ckpt_fresh;			/* jobs begin so */
extern bool ckpt_allow_attach;	/* jobs may be bound to sessions */
extern int ckpt_job_timeout;	/* s without a call, for detached jobs */
extern int ckpt_workers;		/* processes, this session included */
extern bool ckpt_notify;		/* when a job ends */
extern int ckpt_commit_interval;	/* ms */
extern int ckpt_materialize;	/* CkptMaterialize */
extern int ckpt_batch_rows; /* rows */
extern double ckpt_retention;	/* minutes, negative is for ever */
extern double ckpt_history_retention;	/* the same, of jobs */
extern int ckpt_progress_interval;	/* ms, 0 is off */
extern int ckpt_publish_lock_timeout;	/* ms */
extern int ckpt_publish_timeout;	/* ms */
extern double ckpt_max_replica_lag;	/* bytes, 0 is off */
extern int ckpt_max_wal_rate;	/* kB a second, 0 is off */

/* Defines the settings; called once, by _PG_init. */
extern void ckpt_guc_init(void);

#endif							/* CKPT_GUC_H */
