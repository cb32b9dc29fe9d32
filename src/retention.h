/*-------------------------------------------------------------------------
 *
 * retention.h
 *	  What is on record of checkpoints, tables and jobs that may go.
 *
 * One function for each question or change, whose SQL is in retention.c and in
 * the views _use and _due.  The module drops no tables and checks no rights:
 * that is for prune.c, its only caller.
 *
 * IDENTIFICATION
 *	  src/retention.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef CKPT_RETENTION_H
#define CKPT_RETENTION_H

#include "nodes/pg_list.h"

/* Something that may go: a checkpoint, or a table without one. */
typedef struct CkptDue
{
	int64		id;				/* the checkpoint's number */
	Oid			owner;
	char	   *table;			/* name of an orphan, else NULL */
} CkptDue;

extern List *ckpt_retention_due(void);
extern List *ckpt_retention_due_of(Oid owner, int limit);
extern List *ckpt_retention_group(Oid owner, const char *name);
extern char *ckpt_retention_group_target(Oid owner, const char *name);
extern List *ckpt_retention_orphans(void);
extern bool ckpt_retention_lock_due(int64 id);
extern bool ckpt_retention_is_orphan(const CkptDue *due);
extern char *ckpt_retention_use(int64 id);
extern void ckpt_retention_pin(int64 id, bool pinned, const char *label);
extern List *ckpt_retention_owners(const char *name);
extern void ckpt_retention_forget_lost(void);
extern void ckpt_retention_forget_jobs(Oid owner, const char *name, int limit);
extern void ckpt_retention_forget_group(Oid owner, const char *name);

#endif							/* CKPT_RETENTION_H */
