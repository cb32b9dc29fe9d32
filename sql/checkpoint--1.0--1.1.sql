/* checkpoint 1.0 to 1.1; a fresh install of 1.1 is 1.0 and this script */

\echo Use "ALTER EXTENSION checkpoint UPDATE TO '1.1'" to load this file. \quit

