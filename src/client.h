/*-------------------------------------------------------------------------
 *
 * client.h
 *	  Checkpoints that code outside of the server works on.
 *
 * IDENTIFICATION
 *	  src/client.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef CKPT_CLIENT_H
#define CKPT_CLIENT_H

#include "catalog.h"

extern void ckpt_client_get(int64 id, CkptCheckpoint *cp);
extern void ckpt_client_check_open(const CkptCheckpoint *cp);

#endif							/* CKPT_CLIENT_H */
