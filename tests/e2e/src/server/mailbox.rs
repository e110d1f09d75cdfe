//! A mail server that takes every e-mail and keeps it, by SMTP as mail servers speak it.

use std::{
    net::{Ipv4Addr, SocketAddr},
    sync::{Arc, Mutex, PoisonError},
};

use eyre::{OptionExt, Result};
use scrip_server::Mail;
use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader},
    net::{TcpListener, TcpStream},
    task::JoinHandle,
};

/// An e-mail, as it came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Letter {
    /// Whom it is for, as the envelope has it.
    pub to: String,
    /// Headers and text.
    pub text: String,
}

/// The mail server.
#[derive(Debug)]
pub struct Mailbox {
    at: SocketAddr,
    letters: Arc<Mutex<Vec<Letter>>>,
    task: JoinHandle<()>,
}

impl Mailbox {
    /// Starts one on a free port.
    pub async fn start() -> Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let (at, letters) = (listener.local_addr()?, Arc::<Mutex<Vec<Letter>>>::default());
        let kept = Arc::clone(&letters);
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                // One that breaks off sends nothing.
                tokio::spawn(take(stream, Arc::clone(&kept)));
            }
        });
        Ok(Self { at, letters, task })
    }

    /// How a server sends by it.
    pub fn config(&self) -> Mail {
        Mail { smtp_url: format!("smtp://{}", self.at), from: "Scrip <no-reply@scrip.example>".to_owned() }
    }

    /// What was sent to an address, the oldest first.
    pub fn letters(&self, to: &str) -> Vec<Letter> {
        let letters = self.letters.lock().unwrap_or_else(PoisonError::into_inner);
        letters.iter().filter(|letter| letter.to == to).cloned().collect()
    }

    /// The six digits of the last code that was sent to an address.
    pub fn code(&self, to: &str) -> Result<String> {
        let letter = self.letters(to).pop().ok_or_eyre(format!("nothing was sent to {to}"))?;
        let (_, text) = letter.text.split_once("\n\n").ok_or_eyre("no text")?;
        let code = text.split(' ').next().filter(|code| code.len() == 6 && code.parse::<u32>().is_ok());
        code.map(str::to_owned).ok_or_eyre(format!("no code: {text}"))
    }

    /// Takes no more e-mails.
    pub fn stop(&self) {
        self.task.abort();
    }
}

impl Drop for Mailbox {
    fn drop(&mut self) {
        self.stop();
    }
}

async fn take(stream: TcpStream, letters: Arc<Mutex<Vec<Letter>>>) -> Result<()> {
    let (read, mut write) = stream.into_split();
    let mut lines = BufReader::new(read).lines();
    write.write_all(b"220 mailbox\r\n").await?;
    let mut to = String::new();
    while let Some(line) = lines.next_line().await? {
        let command = line.to_ascii_uppercase();
        let answer = match command.split([' ', ':']).next().unwrap_or_default() {
            "EHLO" | "HELO" | "MAIL" | "RSET" | "NOOP" => "250 ok\r\n",
            "RCPT" => {
                to = line.split(['<', '>']).nth(1).unwrap_or_default().to_owned();
                "250 ok\r\n"
            }
            "DATA" => {
                write.write_all(b"354 go on\r\n").await?;
                let mut text = String::new();
                while let Some(line) = lines.next_line().await? {
                    if line == "." {
                        break;
                    }
                    text += line.strip_prefix('.').unwrap_or(&line);
                    text.push('\n');
                }
                letters.lock().unwrap_or_else(PoisonError::into_inner).push(Letter { to: to.clone(), text });
                "250 kept\r\n"
            }
            "QUIT" => {
                write.write_all(b"221 bye\r\n").await?;
                break;
            }
            _ => "502 not known\r\n",
        };
        write.write_all(answer.as_bytes()).await?;
    }
    Ok(())
}
