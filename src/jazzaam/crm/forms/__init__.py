"""Forms: how strangers become leads."""
