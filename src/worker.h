/*-------------------------------------------------------------------------
 *
 * worker.h
 *	  Background processes that help with a run.
 *
 * Launches them, waits for them, and brings home how they ended.  Does not know what a
 * run computes: each goes through the loop of run.c.  Steps call it.
 *
 * IDENTIFICATION
 *	  src/worker.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef CKPT_WORKER_H
#define CKPT_WORKER_H

#include "run.h"

typedef struct CkptWorkers CkptWorkers;

extern CkptWorkers *ckpt_workers_launch(const CkptRunTask *task, int64 step_id,
										const CkptUdf *udf, int nworkers,
										const CkptRunShared *run);
extern CkptRunShared *ckpt_workers_shared(CkptWorkers *workers);
extern void ckpt_workers_count(CkptWorkers *workers);
extern bool ckpt_workers_wait(CkptWorkers *workers, long timeout);
extern void ckpt_workers_stop(CkptWorkers *workers, bool cancel);
extern ErrorData *ckpt_workers_error(CkptWorkers *workers, int64 *id);
extern void ckpt_workers_end(CkptWorkers *workers);

extern PGDLLEXPORT void ckpt_worker_main(Datum arg);

#endif							/* CKPT_WORKER_H */
