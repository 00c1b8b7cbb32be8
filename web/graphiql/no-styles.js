// Stands in for react-style-singleton, which keeps a page from scrolling behind a dialog by adding a style element:
// this page does not scroll, and its policy allows no inline style.
export const styleSingleton = () => () => null;
