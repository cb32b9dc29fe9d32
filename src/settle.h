/*-------------------------------------------------------------------------
 *
 * settle.h
 *	  Makes of what clients have written an output like those of the server.
 *
 * It knows the tables and the set of rows that have results, and nothing of jobs, claims or
 * the catalog.  step_client.c calls it, with the output table locked for itself.
 *
 * IDENTIFICATION
 *	  src/settle.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef CKPT_SETTLE_H
#define CKPT_SETTLE_H

#include "catalog.h"
#include "idset.h"
#include "rowhash.h"
#include "utils/rel.h"

extern void ckpt_settle(const CkptCheckpoint *cp, Relation output, int nplain,
						const CkptIdSet *processed, CkptRowSum *sum);

#endif							/* CKPT_SETTLE_H */
