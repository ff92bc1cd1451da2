/* The page of --report, carried inside attnc. */

#include "runtime/embed.h"

EMBED("attn_report_page", "page.html");
