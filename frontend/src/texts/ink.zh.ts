/** 教师页和大屏都要说的白板文字，英文以此为准。 */
export const ink = {
  board: "白板",
  picture: "题目的图片",
  pen: "笔",
  eraser: "擦",
  undo: "撤销一步",
  clear: "全部清空（可撤销）",
  colours: { black: "黑", red: "红", blue: "蓝", green: "绿" },
  full: "白板写满了。请开始新的题目，或撤销几笔。",
  failed: "这一笔没有保存，请重画。",
};
