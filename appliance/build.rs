#[path = "build/pages.rs"]
mod pages;

fn main() {
    pages::embed();
}
