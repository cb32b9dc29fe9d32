/*-------------------------------------------------------------------------
 *
 * publish_view.h
 *	  Views that show the outputs of checkpoints: makes them, or makes them show
 *	  others.
 *
 * Several views change together, under locks that are got all or none.  The module
 * does not know of jobs and records; publish.c calls it.
 *
 * IDENTIFICATION
 *	  src/publish_view.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef CKPT_PUBLISH_VIEW_H
#define CKPT_PUBLISH_VIEW_H

#include "access/tupdesc.h"
#include "catalog.h"

/* A view that is to show an output. */
typedef struct CkptViewChange
{
	const CkptTarget *target;
	const char *output_table;	/* NULL is that the view is to be dropped */
	TupleDesc	desc;			/* the columns to show */
} CkptViewChange;

extern bool ckpt_view_shows(const CkptTarget *target, const char *output_table);
extern void ckpt_views_change(List *changes, Oid owner);

#endif							/* CKPT_PUBLISH_VIEW_H */
