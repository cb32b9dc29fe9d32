/*-------------------------------------------------------------------------
 *
 * ledger.h
 *	  What is on record of a checkpoint's rows: done, failed, by which code.
 *
 * IDENTIFICATION
 *	  src/ledger.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef CKPT_LEDGER_H
#define CKPT_LEDGER_H

#include "idset.h"
#include "nodes/pg_list.h"
#include "rowhash.h"

/* What was computed of a checkpoint, by one worker with one code or by all. */
typedef struct CkptWorkDone
{
	int64		processed;		/* input rows */
	int64		max_output_id;	/* largest sys__id given out, for gen */
	CkptRowSum	output;			/* output rows */
} CkptWorkDone;

/* A row of checkpoint.code_version. */
typedef struct CkptCodeVersion
{
	int			code_no;
	char	   *code_hash;
	char	   *cache_version;	/* or NULL */
	char	   *components;
	int64		rows;			/* it has computed */
} CkptCodeVersion;

/* code versions */
extern int	ckpt_catalog_code_version(int64 checkpoint_id, const char *code_hash,
									  const char *cache_version,
									  const char *components);
extern List *ckpt_catalog_code_versions(int64 checkpoint_id);
extern int64 ckpt_catalog_rows_of_code(int64 checkpoint_id, const char *code_hash,
									   const char *cache_version);

/* what was computed */
extern void ckpt_catalog_load_work(int64 checkpoint_id, int code_no, int worker,
								   CkptWorkDone *all, CkptWorkDone *mine);
extern void ckpt_catalog_store_work(int64 checkpoint_id, int code_no, int worker,
									const CkptWorkDone *mine);
extern void ckpt_catalog_delete_other_code(int64 checkpoint_id, int code_no);

/* rows in quarantine, and rows that crashed a process */
extern void ckpt_catalog_record_error(int64 checkpoint_id, int64 job_id, int64 id,
									  const char *sqlstate, const char *message,
									  const char *detail, const char *context,
									  int attempts);
extern void ckpt_catalog_delete_error(int64 checkpoint_id, int64 id);
extern int64 ckpt_catalog_load_errors(int64 checkpoint_id, int64 job_id, CkptIdSet *set);
extern int	ckpt_catalog_record_crash(int64 checkpoint_id, int64 id, const char *code_hash,
									  const char *cache_version);
extern void ckpt_catalog_delete_crash(int64 checkpoint_id, int64 id);
extern void ckpt_catalog_load_crashes(int64 checkpoint_id, const char *code_hash,
									  const char *cache_version,
									  CkptIdSet *suspects, CkptIdSet *poisonous);

/* processed sets */
extern void ckpt_catalog_load_processed(int64 checkpoint_id, int code_no, int worker,
										CkptIdSet *all, CkptIdSet *mine);
extern void ckpt_catalog_load_code_processed(int64 checkpoint_id, int code_no,
											 CkptIdSet *set);
extern void ckpt_catalog_store_processed(int64 checkpoint_id, int code_no, int worker,
										 CkptIdSet *mine);
extern void ckpt_catalog_delete_processed(int64 checkpoint_id);

extern void ckpt_ledger_forget(int64 checkpoint_id);

/* An SQL expression: how much of a checkpoint was computed, in all. */
#define CKPT_LEDGER_TOTAL(column) \
	"(SELECT COALESCE(sum(" column "), 0)::bigint FROM checkpoint.work w" \
	"  WHERE w.checkpoint_id = c.checkpoint_id)"

#endif							/* CKPT_LEDGER_H */
