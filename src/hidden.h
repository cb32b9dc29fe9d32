/*-------------------------------------------------------------------------
 *
 * hidden.h
 *	  Tables whose changes logical replication does not see.
 *
 * IDENTIFICATION
 *	  src/hidden.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef CKPT_HIDDEN_H
#define CKPT_HIDDEN_H

extern void ckpt_hidden_ensure(Oid relid);

#endif							/* CKPT_HIDDEN_H */
