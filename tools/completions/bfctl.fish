# fish completion for bfctl
set -l commands status check reload keys teams customers budgets routes explain rule models usage shadow audit logs top workers export completion version help

complete -c bfctl -f
complete -c bfctl -l socket -r -F -d 'admin socket'
complete -c bfctl -l url -x -d 'talk over HTTP'
complete -c bfctl -l token -x -d 'admin token'
complete -c bfctl -l ca -r -F -d 'certificates to trust'
complete -c bfctl -l json -d 'JSON instead of tables'
complete -c bfctl -s h -l help -d 'help'
complete -c bfctl -l version -d 'version'

set -l none "not __fish_seen_subcommand_from $commands"
complete -c bfctl -n $none -a status -d 'what runs, since when, how much'
complete -c bfctl -n $none -a check -d 'is this configuration sound'
complete -c bfctl -n $none -a reload -d 'load the configuration again'
complete -c bfctl -n $none -a keys -d 'virtual keys'
complete -c bfctl -n $none -a teams -d 'budgets that keys share'
complete -c bfctl -n $none -a customers -d 'budgets that teams share'
complete -c bfctl -n $none -a budgets -d 'what is used and left of every budget'
complete -c bfctl -n $none -a explain -d 'what a request would get, step by step'
complete -c bfctl -n $none -a rule -d 'which model serves which request'
complete -c bfctl -n $none -a routes -d 'weights and health of every route, and why'
complete -c bfctl -n $none -a models -d 'models that clients may use'
complete -c bfctl -n $none -a usage -d 'who spent what; what it would cost'
complete -c bfctl -n $none -a shadow -d 'routes compared with their shadows'
complete -c bfctl -n '__fish_seen_subcommand_from shadow' -l model -x
complete -c bfctl -n '__fish_seen_subcommand_from shadow' -l since -x
complete -c bfctl -n '__fish_seen_subcommand_from shadow' -l until -x
complete -c bfctl -n $none -a audit -d 'do counters, journal and log agree?'
complete -c bfctl -n $none -a logs -d 'one line per request'
complete -c bfctl -n $none -a top -d 'a live table of workers and routes'
complete -c bfctl -n $none -a workers -d 'the worker processes'
complete -c bfctl -n $none -a export -d 'everything as YAML'
complete -c bfctl -n $none -a completion -d 'a completion script for the shell'
complete -c bfctl -n $none -a version -d 'the version of bfctl'
complete -c bfctl -n $none -a help -d 'what there is'

complete -c bfctl -n '__fish_seen_subcommand_from check' -F
set -l verbs list create update show delete block unblock reset rotate import revoke
complete -c bfctl -n "__fish_seen_subcommand_from keys teams customers; and not __fish_seen_subcommand_from $verbs" -a 'list create update show delete block unblock reset'
complete -c bfctl -n "__fish_seen_subcommand_from keys; and not __fish_seen_subcommand_from $verbs" -a 'rotate import revoke'
complete -c bfctl -n '__fish_seen_subcommand_from import' -F
complete -c bfctl -n '__fish_seen_subcommand_from create update' -l budget -x -d 'dollars/window'
complete -c bfctl -n '__fish_seen_subcommand_from create update' -l rate-limit -x -d 'requests/time'
complete -c bfctl -n '__fish_seen_subcommand_from create update' -l token-limit -x -d 'tokens/time'
complete -c bfctl -n '__fish_seen_subcommand_from create update' -l concurrency -x -d 'requests at once'
complete -c bfctl -n '__fish_seen_subcommand_from create update' -l tags -x -d 'words to find it by'
complete -c bfctl -n '__fish_seen_subcommand_from create update' -l deny-models -x -d 'what it may not use'
complete -c bfctl -n '__fish_seen_subcommand_from create update' -l value -x -d 'its text'
complete -c bfctl -n '__fish_seen_subcommand_from create update list budgets' -l team -x
complete -c bfctl -n '__fish_seen_subcommand_from create update list budgets' -l customer -x
complete -c bfctl -n '__fish_seen_subcommand_from list' -l tag -x
complete -c bfctl -n '__fish_seen_subcommand_from update budgets' -l name -x
complete -c bfctl -n '__fish_seen_subcommand_from delete' -l children -x -a 'refuse reparent delete'
complete -c bfctl -n '__fish_seen_subcommand_from rotate' -l grace -x -d 'how long the old text works'
complete -c bfctl -n '__fish_seen_subcommand_from budgets' -l kind -x -a 'customer team key model_limit provider'
complete -c bfctl -n '__fish_seen_subcommand_from list' -l name -x -d 'only names like this'
complete -c bfctl -n '__fish_seen_subcommand_from list' -l origin -x -a 'file api'
complete -c bfctl -n '__fish_seen_subcommand_from create' -l models -x -d 'what it may use'
complete -c bfctl -n '__fish_seen_subcommand_from create' -l expires -x -d 'duration or date'
complete -c bfctl -n '__fish_seen_subcommand_from create' -l inactive -d 'not usable yet'
complete -c bfctl -n '__fish_seen_subcommand_from create' -l strict -d 'refuse partial translations'
complete -c bfctl -n '__fish_seen_subcommand_from explain' -l model -x -d 'as a client writes it'
complete -c bfctl -n '__fish_seen_subcommand_from explain' -l key -x -d 'name or id'
complete -c bfctl -n '__fish_seen_subcommand_from explain' -l fallbacks -x -d 'instead of those of the model'
complete -c bfctl -n '__fish_seen_subcommand_from explain' -l provider-key -x -d 'pinned'
complete -c bfctl -n '__fish_seen_subcommand_from explain' -l tags -x -d 'that routes must have'
complete -c bfctl -n '__fish_seen_subcommand_from explain' -l tokens -x -d 'of the prompt'
complete -c bfctl -n '__fish_seen_subcommand_from explain' -l max-tokens -x -d 'of the answer'
complete -c bfctl -n '__fish_seen_subcommand_from explain' -l images -x -d 'in the prompt'
complete -c bfctl -n '__fish_seen_subcommand_from explain' -l header -x -d 'name: value'
complete -c bfctl -n '__fish_seen_subcommand_from explain' -l param -x -d 'name=value of the URL'
complete -c bfctl -n '__fish_seen_subcommand_from explain' -l address -x -d 'that it comes from'
complete -c bfctl -n '__fish_seen_subcommand_from explain' -l peer -x -d 'that it comes from'
complete -c bfctl -n '__fish_seen_subcommand_from explain' -l at -x -d 'time for rules'
complete -c bfctl -n '__fish_seen_subcommand_from explain' -l budget-used -x -d 'share for rules'
complete -c bfctl -n '__fish_seen_subcommand_from explain' -l endpoint -x -a 'chat responses messages completions embeddings gemini converse cohere'
complete -c bfctl -n '__fish_seen_subcommand_from explain' -l dialect -x -a 'openai responses anthropic gemini bedrock cohere'
complete -c bfctl -n '__fish_seen_subcommand_from rule' -a 'list add remove'
complete -c bfctl -n '__fish_seen_subcommand_from rule' -l use -x
complete -c bfctl -n '__fish_seen_subcommand_from rule' -l when -x
complete -c bfctl -n '__fish_seen_subcommand_from rule' -l key -x
complete -c bfctl -n '__fish_seen_subcommand_from rule' -l team -x
complete -c bfctl -n '__fish_seen_subcommand_from rule' -l customer -x
complete -c bfctl -n '__fish_seen_subcommand_from rule' -l priority -x
complete -c bfctl -n '__fish_seen_subcommand_from explain' -l body -r -d 'the request itself'
complete -c bfctl -n '__fish_seen_subcommand_from explain' -l stream
complete -c bfctl -n '__fish_seen_subcommand_from explain' -l tools
complete -c bfctl -n '__fish_seen_subcommand_from create' -l priority -x -a 'high normal low' -d 'whose turn it is'
complete -c bfctl -n '__fish_seen_subcommand_from routes usage logs' -l provider -x
complete -c bfctl -n '__fish_seen_subcommand_from usage logs' -l key -x -d 'name, id or none'
complete -c bfctl -n '__fish_seen_subcommand_from routes usage logs' -l model -x
complete -c bfctl -n '__fish_seen_subcommand_from usage logs' -l since -x -d 'from then on'
complete -c bfctl -n '__fish_seen_subcommand_from usage logs' -l until -x -d 'up to then'
complete -c bfctl -n '__fish_seen_subcommand_from usage logs' -l from -x -d 'from then on'
complete -c bfctl -n '__fish_seen_subcommand_from usage logs' -l to -x -d 'up to then'
complete -c bfctl -n '__fish_seen_subcommand_from usage' -l by -x -a 'day customer team key provider model none'
complete -c bfctl -n '__fish_seen_subcommand_from usage' -a reprice -d 'what another book would cost'
complete -c bfctl -n '__fish_seen_subcommand_from usage' -l prices -r -d 'a price file'
complete -c bfctl -n '__fish_seen_subcommand_from usage logs' -l team -x -d 'name, id or none'
complete -c bfctl -n '__fish_seen_subcommand_from usage logs' -l customer -x -d 'name, id or none'
complete -c bfctl -n '__fish_seen_subcommand_from audit' -a money
complete -c bfctl -n '__fish_seen_subcommand_from logs' -s f -l follow -d 'go on with new ones'
complete -c bfctl -n '__fish_seen_subcommand_from logs' -l limit -x -d 'how many'
complete -c bfctl -n '__fish_seen_subcommand_from logs' -l status -x -d '404 or 4xx'
complete -c bfctl -n '__fish_seen_subcommand_from top' -l once -d 'one picture'
complete -c bfctl -n '__fish_seen_subcommand_from top' -l interval -x -d 'seconds'
complete -c bfctl -n '__fish_seen_subcommand_from completion' -a 'bash zsh fish'
