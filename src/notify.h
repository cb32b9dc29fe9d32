/*-------------------------------------------------------------------------
 *
 * notify.h
 *	  Tells whoever listens that a job has ended.
 *
 * Does not know how a job ends, nor why: catalog.c calls it where that is put on record.
 *
 * IDENTIFICATION
 *	  src/notify.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef CKPT_NOTIFY_H
#define CKPT_NOTIFY_H

extern void ckpt_notify_end(int64 job_id, const char *job, const char *status,
							const char *error);

#endif							/* CKPT_NOTIFY_H */
