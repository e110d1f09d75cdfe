//! The reference's complete example on a local chain: `scripts/demo`.

use std::io::stdout;

use eyre::Result;

#[tokio::main]
async fn main() -> Result<()> {
    scrip_e2e::demo::play(&mut stdout()).await
}
