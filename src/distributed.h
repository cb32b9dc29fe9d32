/*-------------------------------------------------------------------------
 *
 * distributed.h
 *	  Tables whose rows are kept elsewhere, by Citus.
 *
 * Such a table looks like an ordinary one, whose file is empty and stays so: the
 * server's catalogs do not tell.  The module asks Citus's catalog, by its name, where
 * there is one; it calls nothing of Citus.  Anybody may call it.
 *
 * IDENTIFICATION
 *	  src/distributed.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef CKPT_DISTRIBUTED_H
#define CKPT_DISTRIBUTED_H

#include "nodes/parsenodes.h"

extern bool ckpt_is_distributed(Oid relid);
extern void ckpt_distributed_keep_local(void);
extern void ckpt_distributed_refuse(Query *query);

#endif							/* CKPT_DISTRIBUTED_H */
