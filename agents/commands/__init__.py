"""The subcommands of `controltower`: each module has HELP, configure(parser) and run(args, settings)."""
