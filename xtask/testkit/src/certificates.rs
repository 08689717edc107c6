//! Certificates for tests, made with the `openssl` command in a folder of their own.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};

use anyhow::{Context as _, Result, ensure};

/// A folder under /tmp; it is removed with what is in it when this is dropped.
#[derive(Debug)]
pub struct Certificates(PathBuf);

impl Certificates {
    /// Makes the folder.
    ///
    /// # Errors
    /// If it cannot be made.
    pub fn new() -> Result<Self> {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let folder = format!("tcpwarden-certificates-{}-{number}", std::process::id());
        let folder = std::env::temp_dir().join(folder);
        std::fs::create_dir_all(&folder).context("make a folder for certificates")?;
        Ok(Self(folder))
    }

    /// Returns the path of a file in the folder.
    #[must_use]
    pub fn path(&self, file: &str) -> PathBuf {
        self.0.join(file)
    }

    /// Returns that path as text.
    #[must_use]
    pub fn name(&self, file: &str) -> String {
        self.path(file).display().to_string()
    }

    /// Writes a file into the folder.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn write(&self, file: &str, text: &str) -> Result<PathBuf> {
        let path = self.path(file);
        std::fs::write(&path, text).with_context(|| format!("write {}", path.display()))?;
        Ok(path)
    }

    /// Makes an authority: `NAME.pem` and `NAME.key`.
    ///
    /// # Errors
    /// If `openssl` fails.
    pub fn authority(&self, name: &str) -> Result<()> {
        self.request(name, &["-addext", "basicConstraints=critical,CA:TRUE"])
    }

    /// Makes a certificate of an authority: `NAME.pem` and `NAME.key`. `sans` are alternative names
    /// such as `DNS:localhost,IP:127.0.0.1`.
    ///
    /// # Errors
    /// If `openssl` fails.
    pub fn certificate(&self, name: &str, authority: &str, sans: &str) -> Result<()> {
        let pem = self.name(&format!("{authority}.pem"));
        let key = self.name(&format!("{authority}.key"));
        let sans = format!("subjectAltName={sans}");
        let no_authority = "basicConstraints=critical,CA:FALSE";
        let options = ["-CA", &pem, "-CAkey", &key, "-addext", &sans, "-addext", no_authority];
        self.request(name, &options)
    }

    fn request(&self, name: &str, options: &[&str]) -> Result<()> {
        let subject = format!("/CN={name}");
        // Without a configuration of the system, whose extensions could come twice.
        let config = self.write("openssl.cnf", "[req]\ndistinguished_name=name\n[name]\n")?;
        let mut command = Command::new("openssl");
        command.args(["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"]);
        command.args(["-nodes", "-days", "30", "-subj", &subject, "-config"]).arg(config);
        command.arg("-keyout").arg(self.path(&format!("{name}.key")));
        command.arg("-out").arg(self.path(&format!("{name}.pem"))).args(options);
        let output = command.output().context("run openssl")?;
        let said = String::from_utf8_lossy(&output.stderr);
        ensure!(output.status.success(), "openssl made no certificate {name}: {said}");
        Ok(())
    }
}

impl Drop for Certificates {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(Path::new(&self.0));
    }
}
