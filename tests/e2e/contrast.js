// Finds text whose contrast with what is behind it is below what WCAG 2.2 asks for (1.4.3: 4.5 to 1).
() => {
  const channels = (colour) => colour.match(/[\d.]+/g).map(Number);
  const linear = (value) => ((value /= 255) <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4);
  const luminance = ([r, g, b]) => 0.2126 * linear(r) + 0.7152 * linear(g) + 0.0722 * linear(b);

  const ground = (element) => {
    for (; element; element = element.parentElement) {
      const [r, g, b, alpha = 1] = channels(getComputedStyle(element).backgroundColor);
      if (alpha === 1) return [r, g, b];
    }
    return [255, 255, 255];
  };

  const ratio = (element) => {
    const colours = [channels(getComputedStyle(element).color), ground(element)];
    const [dark, light] = colours.map(luminance).sort((a, b) => a - b);
    return (light + 0.05) / (dark + 0.05);
  };

  const hasText = (element) => [...element.childNodes].some((node) => node.nodeType === 3 && node.data.trim());
  const isSeen = (element) => hasText(element) && element.checkVisibility();
  const found = [...document.querySelectorAll("body *")].filter(isSeen);
  const low = found.filter((element) => ratio(element) < 4.5);
  return { looked: found.length, low: low.map((element) => element.outerHTML) };
}
