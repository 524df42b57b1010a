"""Pages of the site that the program writes about itself: commands, rules, reports, functions, thresholds."""
