//! Processes as real programs show them in `/proc`, and what they are called.

use super::name::Source::{self, Comm, Executable, Script, Unit};

/// A process and its name.
pub(super) struct Fixture {
    /// The command name.
    pub(super) comm: &'static str,
    /// The link to the executable.
    pub(super) executable: &'static str,
    /// The arguments, a line each.
    pub(super) argv: &'static str,
    /// The unit.
    pub(super) unit: &'static str,
    /// The name.
    pub(super) name: &'static str,
    /// Where the name is from.
    pub(super) source: Source,
}

const fn of(
    process: [&'static str; 3],
    unit: &'static str,
    name: &'static str,
    source: Source,
) -> Fixture {
    let [comm, executable, argv] = process;
    Fixture { comm, executable, argv, unit, name, source }
}

const JAVA: &str = "/usr/lib/jvm/java-17-openjdk-amd64/bin/java";
const PYTHON: &str = "/usr/bin/python3.11";
const NODE: &str = "/usr/bin/node";
const RUBY: &str = "/usr/local/bin/ruby";

const TOMCAT: &str = "/usr/lib/jvm/default-java/bin/java\n\
    -Djava.util.logging.config.file=/var/lib/tomcat10/conf/logging.properties\n\
    -Djava.util.logging.manager=org.apache.juli.ClassLoaderLogManager\n-Djava.awt.headless=true\n\
    -classpath\n/usr/share/tomcat10/bin/bootstrap.jar:/usr/share/tomcat10/bin/tomcat-juli.jar\n\
    -Dcatalina.base=/var/lib/tomcat10\n-Djava.io.tmpdir=/tmp\n\
    org.apache.catalina.startup.Bootstrap\nstart";
const ELASTICSEARCH: &str = "/usr/share/elasticsearch/jdk/bin/java\n-Xshare:auto\n\
    -Des.networkaddress.cache.ttl=60\n--add-opens=java.base/java.io=ALL-UNNAMED\n-XX:+UseG1GC\n\
    -Des.distribution.type=deb\n--module-path\n/usr/share/elasticsearch/lib\n\
    --add-modules=jdk.net\n-m\n\
    org.elasticsearch.server/org.elasticsearch.bootstrap.Elasticsearch";
const KAFKA: &str = "java\n-Xmx1G\n-server\n-XX:+UseG1GC\n\
    -Xlog:gc*:file=/opt/kafka/logs/kafkaServer-gc.log:time,tags:filecount=10\n\
    -Dkafka.logs.dir=/opt/kafka/logs\n-cp\n/opt/kafka/libs/a.jar:/opt/kafka/libs/b.jar\n\
    kafka.Kafka\n/opt/kafka/config/server.properties";
const SPRING: &str = "java\n-Xms512m\n-javaagent:/opt/otel.jar\n\
    -Dspring.datasource.password=hunter2\n-jar\n/srv/orders/orders-1.4.2.jar\n\
    --spring.profiles.active=prod";
const SHIM: &str = "/usr/bin/containerd-shim-runc-v2\n-namespace\nmoby\n-id\n\
    3f2a9c0d1e4b5a69788796a5b4c3d2e1f00123456789abcdef0123456789abcd\n-address\n\
    /run/containerd/containerd.sock";
const CONTROLLER: &str = "kube-controller-manager\n\
    --authentication-kubeconfig=/etc/kubernetes/controller-manager.conf\n--bind-address=127.0.0.1\n\
    --cluster-signing-key-file=/etc/kubernetes/pki/ca.key";
const BEAM: &str = "/usr/lib/erlang/erts-13.1.5/bin/beam.smp\n-W\nw\n-MBas\nageffcbf\n--\n-root\n\
    /usr/lib/erlang\n-progname\nerl\n--\n-home\n/var/lib/rabbitmq\n--\n-setcookie\nCOOKIE\n\
    -sname\nrabbit@host1\n-s\nrabbit\nboot";

/// Java.
pub(super) const JVM: &[Fixture] = &[
    of(["java", JAVA, TOMCAT], "", "tomcat", Script),
    of(["java", JAVA, TOMCAT], "tomcat10.service", "tomcat10", Unit),
    of(["java", JAVA, ELASTICSEARCH], "session-3.scope", "elasticsearch", Script),
    of(["java", JAVA, KAFKA], "", "kafka", Script),
    of(["java", JAVA, SPRING], "", "orders-1.4.2.jar", Script),
    of(["java", JAVA, SPRING], "orders.service", "orders", Unit),
    of(["java", JAVA, SPRING], "orders@eu-1.service", "orders", Unit),
    of(
        ["java", JAVA, "java\n-cp\n/a.jar:/b.jar\ncom.example.shop.OrdersMain\n--password\nx"],
        "",
        "com.example.shop.OrdersMain",
        Script,
    ),
    of(["java", JAVA, "java\n@/opt/args\n-ea\nMain\n"], "cron.service", "Main", Script),
    of(["java", JAVA, "java"], "", "java", Executable),
    of(
        ["jsvc", "/usr/bin/jsvc", "jsvc.exec\n-user\nsvc\n-cp\na.jar\ncom.acme.Daemon"],
        "",
        "com.acme.Daemon",
        Script,
    ),
    of(["beam.smp", "/usr/lib/erlang/erts-13.1.5/bin/beam.smp", BEAM], "", "rabbit", Script),
    of(
        ["dotnet", "/usr/share/dotnet/dotnet", "dotnet\nexec\n--depsfile\na.json\n/app/Shop.dll"],
        "",
        "Shop.dll",
        Script,
    ),
    of(
        ["dotnet", "/usr/share/dotnet/dotnet", "dotnet\nrun\n--project\nShop"],
        "",
        "dotnet",
        Executable,
    ),
];

/// Python.
pub(super) const PYTHONS: &[Fixture] = &[
    of(
        ["gunicorn", PYTHON, "/srv/v/bin/python3\n/srv/v/bin/gunicorn\n-w\n4\nshop.wsgi"],
        "shop.service",
        "gunicorn",
        Comm,
    ),
    of(
        ["gunicorn: maste", PYTHON, "gunicorn: master [shop.wsgi]"],
        "shop.service",
        "gunicorn: maste",
        Comm,
    ),
    of(
        ["uwsgi", "/usr/bin/uwsgi-core", "/usr/bin/uwsgi\n--ini\n/etc/uwsgi/apps/shop.ini"],
        "uwsgi.service",
        "uwsgi",
        Comm,
    ),
    of(
        ["python3", PYTHON, "/usr/bin/python3\n-m\ncelery\n-A\nshop\nworker\n-l\ninfo"],
        "",
        "celery",
        Script,
    ),
    of(
        ["celery", PYTHON, "/usr/bin/python3\n/usr/local/bin/celery\n-A\nshop\nworker"],
        "",
        "celery",
        Comm,
    ),
    of(
        ["python3", PYTHON, "python3\n-u\nmanage.py\nrunserver\n0.0.0.0:8000"],
        "user@1000.service",
        "manage.py",
        Script,
    ),
    of(
        ["python", PYTHON, "python\n-Wignore\n-X\nimporttime\n-um\nhttp.server\n80"],
        "",
        "http.server",
        Script,
    ),
    of(["python3.11", PYTHON, "python3.11\n-c\nimport secret"], "", "python3.11", Executable),
    of(["python3", PYTHON, "python3\n-"], "", "python3.11", Executable),
    of(["python3", PYTHON, "python3\n--unknown\nHUNTER2\nleak.py"], "", "python3.11", Executable),
    of(["python3", PYTHON, ""], "orders\\x2dapi.service", "orders-api", Unit),
    of(
        ["orders-import-s", PYTHON, "/usr/bin/python3\n/opt/orders-import-sync.py\n-v"],
        "",
        "orders-import-sync.py",
        Script,
    ),
];

/// Node, Ruby, PHP, Perl and shells.
pub(super) const SCRIPTS: &[Fixture] = &[
    of(["node", NODE, "node\n/srv/orders/app.js"], "", "app.js", Script),
    of(
        ["node", NODE, "node\n--max-old-space-size=512\n-r\ndotenv/config\ndist/main.js"],
        "docker-abc.scope",
        "main.js",
        Script,
    ),
    of(["MainThread", NODE, "node\nserver.js"], "", "server.js", Script),
    of(["node", NODE, "node\n-e\nrequire('x')"], "", "node", Executable),
    of(
        ["node /srv/order", NODE, "node /srv/orders/app.js\n\n\n"],
        "pm2-root.service",
        "app.js",
        Script,
    ),
    of(["npm run start", NODE, "npm run start\n\n\n"], "", "npm run start", Comm),
    of(["next-server (v1", NODE, "next-server (v14.2.3)\n\n"], "", "next-server (v1", Comm),
    of(["node", NODE, "node\n/srv/web/node_modules/.bin/next\nstart"], "", "next", Script),
    of(["deno", "/usr/bin/deno", "deno\nrun\n--allow-net\nmain.ts"], "", "main.ts", Script),
    of(["deno", "/usr/bin/deno", "deno\nrun\n-A\nhttps://u:pw@h/x.ts"], "", "deno", Executable),
    of(["bun", "/usr/bin/bun", "bun\n--hot\nrun\nindex.ts"], "", "index.ts", Script),
    of(["ruby", RUBY, "puma 6.4.2 (tcp://0.0.0.0:3000) [shop]"], "", "puma", Script),
    of(["ruby", RUBY, "puma: cluster worker 0: 1234 [shop]"], "", "puma", Script),
    of(["bundle", RUBY, "sidekiq 7.2.0 shop [0 of 10 busy]"], "", "sidekiq", Script),
    of(
        ["ruby", RUBY, "ruby\n/usr/bin/bundle\nexec\nsidekiq\n-C\nconfig.yml"],
        "",
        "sidekiq",
        Script,
    ),
    of(["puma", RUBY, "/usr/local/bin/ruby\n/usr/local/bin/puma\n-p\n3000"], "", "puma", Comm),
    of(
        ["php-fpm8.2", "/usr/sbin/php-fpm8.2", "php-fpm: pool www\n\n"],
        "php8.2-fpm.service",
        "php-fpm: pool www",
        Script,
    ),
    of(
        ["php-fpm8.2", "/usr/sbin/php-fpm8.2", "php-fpm: master process (/etc/php-fpm.conf)\n"],
        "php8.2-fpm.service",
        "php8.2-fpm",
        Unit,
    ),
    of(
        ["php", "/usr/bin/php8.2", "php\n-d\nmemory_limit=1G\nartisan\nqueue:work"],
        "",
        "artisan",
        Script,
    ),
    of(
        ["perl", "/usr/bin/perl", "perl\n-w\n-I\nlib\n/opt/feed/feed.pl\n--key=x"],
        "",
        "feed.pl",
        Script,
    ),
    of(
        ["bash", "/usr/bin/bash", "bash\n-eo\npipefail\n/opt/sync.sh"],
        "cron.service",
        "sync.sh",
        Script,
    ),
    of(["sh", "/usr/bin/busybox", "sh\n-c\ncurl -u a:b http://x"], "", "busybox", Executable),
];

/// Programs with a name of their own.
pub(super) const NATIVE: &[Fixture] = &[
    of(["nginx", "/usr/sbin/nginx", "nginx: worker process"], "nginx.service", "nginx", Comm),
    of(
        [
            "postgres",
            "/usr/lib/postgresql/15/bin/postgres",
            "postgres: 15/main: app shop 10.0.0.7(5432) idle",
        ],
        "postgresql@15-main.service",
        "postgres",
        Comm,
    ),
    of(
        ["prometheus-aler", "/usr/bin/prometheus-alertmanager", "/usr/bin/prometheus-alertmanager"],
        "",
        "prometheus-alertmanager",
        Executable,
    ),
    of(
        ["prometheus-aler", "/usr/bin/prometheus-alertmanager (deleted)", ""],
        "prometheus-alertmanager.service",
        "prometheus-alertmanager",
        Unit,
    ),
    of(
        ["kube-controller", "/usr/local/bin/kube-controller-manager", CONTROLLER],
        "",
        "kube-controller-manager",
        Executable,
    ),
    of(
        ["containerd-shim", "/usr/bin/containerd-shim-runc-v2", SHIM],
        "containerd.service",
        "containerd-shim-runc-v2",
        Executable,
    ),
    of(["exactly15letter", "/usr/bin/exactly15letter", ""], "a.service", "exactly15letter", Comm),
    of(["conn-leaker", PYTHON, "python3\nleak.py"], "leak.service", "conn-leaker", Comm),
    of(
        ["prometheus-aler", "", "/usr/bin/prometheus-alertmanager\n--x"],
        "",
        "prometheus-alertmanager",
        Executable,
    ),
    of(["prometheus-aler", "", "/usr/bin/prometheus-alertmanager=x"], "", "prometheus-aler", Comm),
    of(
        ["memfd:sealed-91", "/memfd:sealed-91173221a7ea (deleted)", "x"],
        "",
        "memfd:sealed-91",
        Comm,
    ),
    of(["bash", "/usr/bin/bash", "bash\n/dev/stdin"], "", "bash", Executable),
    of(["", "", ""], "", "unknown", Comm),
    of(["java", "", ""], "", "java", Comm),
];
