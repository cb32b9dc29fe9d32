/*-------------------------------------------------------------------------
 *
 * freed_memory.h
 *	  Memory that was freed stays with the process for the next row.
 *
 * A function that reads a value of some 100 kB makes copies of it, which are freed
 * before the next row.  The C library gives them back to the system then, and gets
 * them again page by page: that takes a fifth of the time of such a step.
 *
 * Knows nothing of rows.  Called where rows begin to pass.
 *
 * IDENTIFICATION
 *	  src/freed_memory.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef CKPT_FREED_MEMORY_H
#define CKPT_FREED_MEMORY_H

extern void ckpt_freed_memory_keep(void);

#endif							/* CKPT_FREED_MEMORY_H */
