/*-------------------------------------------------------------------------
 *
 * writes.h
 *	  Notices that a call of the user's function writes.
 *
 * The runner must know, since rolling back calls rolls back what they wrote.  The
 * module watches what the executor is asked for while the runner calls the
 * function; it decides nothing.
 *
 * IDENTIFICATION
 *	  src/writes.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef CKPT_WRITES_H
#define CKPT_WRITES_H

/* What calls have been seen to do. */
typedef struct CkptWrites
{
	bool		any;			/* they write, or send something at commit */
	bool		elsewhere;		/* perhaps to another server */
} CkptWrites;

extern void ckpt_writes_init(void);
extern void ckpt_writes_watch(CkptWrites *writes);

#endif							/* CKPT_WRITES_H */
