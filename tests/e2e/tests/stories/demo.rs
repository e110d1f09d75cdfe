//! The demo is a test: it fails at the first step that is not as it should be.

use eyre::Result;
use scrip_e2e::demo;

#[tokio::test]
async fn the_story_is_told_to_its_end() -> Result<()> {
    let mut told = Vec::new();
    demo::play(&mut told).await?;
    let told = String::from_utf8(told)?;
    for line in [
        "balance 0, no subscriber",
        "paid 20 tUSD, got 100 credits",
        "balance 250, a subscriber",
        "was already redeemed by",
        "may not burn",
        "access ends in 60 days",
    ] {
        assert!(told.contains(line), "the story lacks `{line}`:\n{told}");
    }
    Ok(())
}
