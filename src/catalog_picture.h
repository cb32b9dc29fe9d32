/*-------------------------------------------------------------------------
 *
 * catalog_picture.h
 *	  What pictures and reports show of the steps of a job.
 *
 * As catalog.h: it decides nothing, and rights are checked by the caller.  Steps, jobs
 * and graph.c call it.
 *
 * IDENTIFICATION
 *	  src/catalog_picture.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef CKPT_CATALOG_PICTURE_H
#define CKPT_CATALOG_PICTURE_H

#include "catalog.h"

/* A step in the picture of its job. */
typedef struct CkptGraphStep
{
	char	   *step;
	char	   *kind;
	char	   *action;			/* as the view steps has it */
	CkptStepCounts counts;
	double		elapsed;		/* seconds; -1 is not known */
	List	   *reads;			/* names (char *) of the steps that it reads */
} CkptGraphStep;

extern List *ckpt_catalog_reads(List *outputs);
extern void ckpt_catalog_store_reads(int64 step_id, List *outputs);
extern List *ckpt_catalog_graph_steps(int64 job_id);
extern char *ckpt_catalog_failed_rows(int64 job_id);

#endif							/* CKPT_CATALOG_PICTURE_H */
