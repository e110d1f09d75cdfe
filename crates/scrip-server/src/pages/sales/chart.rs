//! Charts, drawn here: the same numbers stand in a table below.

use maud::{Markup, html};

/// The height of the bars.
const HIGH: f64 = 100.0;
/// The width of one, and of the space behind it.
const WIDE: f64 = 8.0;
const APART: f64 = 2.0;

/// A bar: what it stands for, how high it is, and that in words.
#[derive(Debug, Clone)]
pub(super) struct Bar {
    pub(super) label: String,
    pub(super) value: f64,
    pub(super) said: String,
}

/// Bars beside each other, the highest as high as the chart.
pub(super) fn bars(title: &str, bars: &[Bar]) -> Markup {
    let highest = bars.iter().map(|bar| bar.value).fold(0.0, f64::max);
    let width = bars.len() as f64 * (WIDE + APART);
    let most = bars.iter().find(|bar| bar.value >= highest).map_or("", |bar| &bar.said);
    let (first, last) = (bars.first().map_or("", |bar| &bar.label), bars.last().map_or("", |bar| &bar.label));
    html! {
        figure {
            figcaption { (title) @if highest > 0.0 { span.faint { ", at most " (most) " a day" } } }
            svg.chart viewBox={ "0 0 " (width) " " (HIGH) } preserveAspectRatio="none" role="img"
                aria-label={ (title) ", by the day; the numbers are in the table below" } {
                @for (place, bar) in bars.iter().enumerate() {
                    @let high = if highest > 0.0 { bar.value / highest * HIGH } else { 0.0 };
                    rect x=(place as f64 * (WIDE + APART)) y=(format!("{:.2}", HIGH - high)) width=(WIDE)
                        height=(format!("{high:.2}")) {
                        title { (bar.label) ": " (bar.said) }
                    }
                }
            }
            div.ends { span { (first) } span { (last) } }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_highest_bar_is_as_high_as_the_chart() {
        let bar = |value: f64| Bar { label: "day".to_owned(), value, said: format!("{value} <b>") };
        let drawn = bars("Sold", &[bar(0.0), bar(5.0), bar(10.0)]).into_string();
        for part in ["height=\"0.00\"", "y=\"50.00\"", "height=\"100.00\"", "10 &lt;b&gt;", "role=\"img\""] {
            assert!(drawn.contains(part), "{part}: {drawn}");
        }
        assert!(bars("Sold", &[bar(0.0)]).into_string().contains("height=\"0.00\""), "nothing is no number");
    }
}
