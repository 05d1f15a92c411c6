//! Rows into sheets, sheets into ODS, XLSX and CSV.
