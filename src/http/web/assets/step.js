// Which step the page shows. The generation is read anew each time: the page may have been shown anew since.

/**
 * @typedef {object} Step
 * @property {string} workshop
 * @property {string} step
 * @property {string} title
 * @property {string} path where programs address it
 * @property {string} name who looks
 * @property {number} generation
 */

/** @returns {Step} */
export function here() {
  const { workshop, step, stepTitle: title, path, name, generation } = document.getElementById("workshop").dataset;
  return { workshop, step, title, path, name, generation: Number(generation) };
}
