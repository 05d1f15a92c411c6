//! Pages on paper.

use spreadsheet_ods::style::units::Margin;
use spreadsheet_ods::style::{HeaderFooter, MasterPage, PageStyle, TableStyle, TableStyleRef};
use spreadsheet_ods::text::{MetaPageCount, MetaPageNumber, TextP, TextTag};
use spreadsheet_ods::{WorkBook, cm};

use crate::report::book::Properties;

/// A4 landscape, one page wide, page numbers at its foot. `is_one_page`: one page high too.
pub(super) fn page(file: &mut WorkBook, given: &Properties, is_one_page: bool) -> TableStyleRef {
    let part = if is_one_page { "one-" } else { "" };
    let mut style = PageStyle::new(format!("{part}a4"));
    style.set_page_width(cm!(29.7));
    style.set_page_height(cm!(21));
    // Margins and the foot's height must be said, or pages break in the middle of nothing.
    style.set_margin(Margin::Length(cm!(1)));
    let raw = style.style_mut();
    raw.set_attr("style:print-orientation", "landscape".to_owned());
    // OpenDocument has no words for "as wide as a page"; LibreOffice does.
    raw.set_attr("loext:scale-to-X", "1".to_owned());
    raw.set_attr("loext:scale-to-Y", u8::from(is_one_page).to_string());
    // Else the first sheet after one of the other style begins anew with page 1.
    raw.set_attr("style:first-page-number", "continue".to_owned());
    raw.set_attr("style:print", "charts drawings objects zero-values".to_owned());
    let foot = style.footerstyle_mut();
    foot.set_min_height(cm!(0.7));
    foot.set_margin_top(Margin::Length(cm!(0.2)));
    foot.set_margin_left(Margin::Length(cm!(0)));
    foot.set_margin_right(Margin::Length(cm!(0)));
    let style = file.add_pagestyle(style);

    let mut foot = HeaderFooter::new();
    foot.add_left(TextP::new().text(format!("{} · {}", given.title, given.subject)).into_xmltag());
    foot.add_right(page_number(&given.page));
    let mut master = MasterPage::new(format!("{part}pages"));
    master.set_pagestyle(&style);
    master.set_footer(foot);
    let master = file.add_masterpage(master);
    let mut table = TableStyle::new(format!("{part}sheet"));
    table.set_master_page(&master);
    file.add_tablestyle(table)
}

/// `page 1 / 3`.
fn page_number(word: &str) -> TextTag {
    TextP::new().text(format!("{word} ")).tag(MetaPageNumber::new()).text(" / ").tag(MetaPageCount::new()).into_xmltag()
}
