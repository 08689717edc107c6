//! The built-in rules: the runtimes, launchers and products that are known without a file.
//!
//! An option that is missing here costs a name, never a secret: a word behind an unknown long
//! option is taken only if it has a script's ending.

use super::rules::{Rules, Runtime, Word};

/// Services that start programs of others.
const LAUNCHERS: &str = "user session-* cron crond cronie anacron atd ssh sshd getty serial-getty \
    console-getty container-getty docker containerd crio podman kubelet k3s k3s-agent rke2-server \
    rke2-agent nomad supervisor supervisord pm2-* gitlab-runner buildkite-agent actions.runner.* \
    gdm lightdm sddm display-manager rc-local cloud-init cloud-final runit monit";

/// Main classes and archives whose product has a better name.
const ALIASES: &[(&str, &str)] = &[
    ("org.apache.catalina.startup.Bootstrap", "tomcat"),
    ("org.elasticsearch.bootstrap.Elasticsearch", "elasticsearch"),
    ("org.elasticsearch.server", "elasticsearch"),
    ("org.opensearch.bootstrap.OpenSearch", "opensearch"),
    ("org.logstash.Logstash", "logstash"),
    ("kafka.Kafka", "kafka"),
    ("org.apache.kafka.connect.cli.ConnectDistributed", "kafka-connect"),
    ("org.apache.zookeeper.server.quorum.QuorumPeerMain", "zookeeper"),
    ("org.apache.cassandra.service.CassandraDaemon", "cassandra"),
    ("jboss-modules.jar", "wildfly"),
];

impl Rules {
    /// Returns the built-in rules.
    #[must_use]
    pub(crate) fn builtin() -> Self {
        Self {
            runtime: [java(), python(), node(), bun(), deno(), ruby(), fpm(), php(), perl()]
                .into_iter()
                .chain([dotnet(), beam(), lua(), shell()])
                .collect(),
            launchers: list(LAUNCHERS),
            aliases: ALIASES
                .iter()
                .map(|(script, name)| ((*script).to_owned(), (*name).to_owned()))
                .collect(),
        }
    }
}

fn list(words: &str) -> Vec<String> {
    words.split_whitespace().map(str::to_owned).collect()
}

fn java() -> Runtime {
    Runtime {
        names: list("java# jsvc jsvc.exec"),
        word: Word::Class,
        endings: list(".java"),
        valued: list(
            "-cp -classpath --class-path -p --module-path --add-modules --add-exports --add-opens \
             --add-reads --limit-modules --upgrade-module-path --patch-module --source \
             --enable-native-access -user -outfile -errfile -pidfile -home -java-home -procname \
             -wait -keepstdin",
        ),
        named: list("-jar -m --module"),
        flags: list("--enable-preview --no-daemon"),
        ..Runtime::default()
    }
}

fn python() -> Runtime {
    Runtime {
        names: list("python# python#t python#d python#m pypy#"),
        endings: list(".py .pyc .pyz"),
        valued: list("-W -X --check-hash-based-pycs"),
        named: list("-m"),
        code: list("-c"),
        joined: true,
        ..Runtime::default()
    }
}

fn node() -> Runtime {
    Runtime {
        names: list("node# nodejs# MainThread node-MainThread"),
        endings: list(".js .mjs .cjs .ts .mts .cts"),
        valued: list(
            "-r --require --import --loader --experimental-loader -C --conditions --env-file \
             --inspect-port --title --icu-data-dir --openssl-config --diagnostic-dir \
             --max-http-header-size --stack-trace-limit --unhandled-rejections --dns-result-order",
        ),
        code: list("-e --eval -p --print -pe --run --test"),
        flags: list(
            "--inspect --inspect-brk --trace-warnings --no-warnings --expose-gc \
             --enable-source-maps --preserve-symlinks --watch --no-deprecation",
        ),
        ..Runtime::default()
    }
}

fn bun() -> Runtime {
    Runtime {
        names: list("bun"),
        endings: list(".js .mjs .cjs .ts .tsx .jsx"),
        valued: list("-c --config --cwd -r --preload --env-file"),
        code: list("-e --eval -p --print"),
        flags: list("--hot --watch --smol --bun"),
        skip: list("run x start"),
        ..Runtime::default()
    }
}

fn deno() -> Runtime {
    Runtime {
        names: list("deno"),
        endings: list(".js .mjs .ts .tsx .jsx"),
        valued: list("-c --config --import-map --cert -L --log-level"),
        code: list("eval repl"),
        flags: list("--allow-net --allow-all --allow-read --allow-write --allow-env --watch"),
        skip: list("run serve task"),
        ..Runtime::default()
    }
}

fn ruby() -> Runtime {
    Runtime {
        names: list("ruby# bundle bundler jruby truffleruby"),
        endings: list(".rb .ru"),
        valued: list("-I -r -C -E --encoding --external-encoding --internal-encoding"),
        code: list("-e"),
        flags: list("--yjit --jit --disable-gems --verbose --keep-file-descriptors"),
        skip: list("bundle bundler exec"),
        joined: true,
        ..Runtime::default()
    }
}

fn fpm() -> Runtime {
    Runtime {
        names: list("php-fpm# php#-fpm"),
        word: Word::Never,
        titles: vec!["php-fpm: pool ".to_owned()],
        ..Runtime::default()
    }
}

fn php() -> Runtime {
    Runtime {
        names: list("php# php-cgi#"),
        endings: list(".php .phar"),
        valued: list("-c -d -z -t"),
        named: list("-f --file"),
        code: list("-r -B -R -F -E -S"),
        ..Runtime::default()
    }
}

fn perl() -> Runtime {
    Runtime {
        names: list("perl#"),
        endings: list(".pl .cgi .psgi"),
        valued: list("-I"),
        code: list("-e -E"),
        joined: true,
        ..Runtime::default()
    }
}

fn dotnet() -> Runtime {
    Runtime {
        names: list("dotnet mono mono-sgen"),
        word: Word::Ending,
        endings: list(".dll .exe"),
        valued: list(
            "--depsfile --runtimeconfig --additionalprobingpath --fx-version --roll-forward \
             --additional-deps",
        ),
        skip: list("exec"),
        ..Runtime::default()
    }
}

fn beam() -> Runtime {
    Runtime {
        names: list("beam.smp beam erl"),
        word: Word::Never,
        named: list("-sname -name --sname --name"),
        ..Runtime::default()
    }
}

fn lua() -> Runtime {
    Runtime {
        names: list("lua# luajit# tclsh# julia Rscript"),
        endings: list(".lua .tcl .jl .R"),
        valued: list("-l"),
        code: list("-e"),
        ..Runtime::default()
    }
}

fn shell() -> Runtime {
    Runtime {
        names: list("sh bash dash ash ksh# zsh"),
        endings: list(".sh .bash"),
        valued: list("-o -O +o +O --rcfile --init-file"),
        code: list("-c -s"),
        flags: list("--login --norc --noprofile --posix"),
        joined: true,
        ..Runtime::default()
    }
}
