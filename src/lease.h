/*-------------------------------------------------------------------------
 *
 * lease.h
 *	  Who computes which rows outside of the server, and until when.
 *
 * A lease is an interval of ids within one range: its holder has all rows of it that
 * are not processed.  A claim is one lease or several.
 *
 * Claiming never waits for a transaction: leases are read as they are in the table,
 * committed or not, while a lock is held for a moment.  So rows claimed by a
 * transaction that is open are taken, and are free again when it rolls back.
 *
 * A holder has a name; one without is a session, and its leases end with it: they
 * have a number that a lock of the session proves alive.
 *
 * The module knows which rows are processed from the ledger, and nothing of what is
 * in them, nor of jobs.  client.c calls it, and who opens, finishes or takes a
 * checkpoint.
 *
 * IDENTIFICATION
 *	  src/lease.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef CKPT_LEASE_H
#define CKPT_LEASE_H

#include "catalog.h"
#include "datatype/timestamp.h"

/* Who holds leases. */
typedef struct CkptHolder
{
	const char *name;			/* or NULL: the session */
	int64		session;		/* its number, or 0: it has none, or the holder has a name */
} CkptHolder;

extern CkptHolder ckpt_lease_holder(const char *name, bool make);
extern int64 *ckpt_lease_claim(const CkptCheckpoint *cp, int nrows, const CkptHolder *holder,
							   const Interval *duration, int *nids);
extern int64 ckpt_lease_renew(const CkptCheckpoint *cp, const CkptHolder *holder,
							  const Interval *duration);
extern int64 ckpt_lease_release(const CkptCheckpoint *cp, const CkptHolder *holder);
extern void ckpt_lease_end_done(const CkptCheckpoint *cp, const int64 *ids, int nids);
extern bool ckpt_lease_any(const CkptCheckpoint *cp);
extern bool ckpt_lease_of_job(int64 job_id);
extern void ckpt_lease_forget(int64 checkpoint_id);
extern void ckpt_lease_end_job(int64 job_id);

#endif							/* CKPT_LEASE_H */
