/* What is logged meanwhile, instead of on standard error. No checks in between: what they say would be captured too. */
#ifndef TESTS_DATAFLOW_CAPTURE_H
#define TESTS_DATAFLOW_CAPTURE_H

void capture_begin(void);
/* What is captured so far; valid until the next call. Any thread's, one at a time. */
const char *capture_text(void);
/* Ends it. */
const char *capture_end(void);

#endif
