/** Shown in the source block of records; the version of this package. */
export const VERSION = '0.1.0';
