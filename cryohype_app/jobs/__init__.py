"""Start, re-attach and stop processes that outlive the server: training, analysis and the like."""
