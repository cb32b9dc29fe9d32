/*-------------------------------------------------------------------------
 *
 * freed_memory.c
 *	  Memory that was freed stays with the process for the next row.
 *
 * IDENTIFICATION
 *	  src/freed_memory.c
 *
 *-------------------------------------------------------------------------
 */
#include "checkpoint.h"

#include "freed_memory.h"

/* A piece of memory that a process may need again and again, bytes. */
#define LARGE_PIECE		(8 * 1024 * 1024)

/*
 * ckpt_freed_memory_keep has this process keep memory that it frees, up to twice
 * LARGE_PIECE, until it ends.
 *
 * The C library of GNU learns from the largest piece that was freed what a process
 * needs again: pieces of that size do not go back to the system, nor does free memory
 * of less than two of them.  So one is freed, which nobody has written to: it takes no
 * memory.  To other libraries this means nothing.
 */
void
ckpt_freed_memory_keep(void)
{
	pfree(palloc(LARGE_PIECE));
}
