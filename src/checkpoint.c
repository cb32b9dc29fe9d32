/*-------------------------------------------------------------------------
 *
 * checkpoint.c
 *	  In-database checkpointing for user-defined functions: the front door.
 *
 * Nothing needs preloading: the library is loaded by the first call of one of
 * its functions, and has no shared memory.
 *
 * IDENTIFICATION
 *	  src/checkpoint.c
 *
 *-------------------------------------------------------------------------
 */
#include "checkpoint.h"

#include "fmgr.h"
#include "guc.h"
#include "input_parallel.h"
#include "joblock.h"
#include "writes.h"

PG_MODULE_MAGIC;

extern void _PG_init(void);

void
_PG_init(void)
{
	ckpt_guc_init();
	ckpt_joblock_init();
	ckpt_writes_init();
	ckpt_input_parallel_init();
}
