import { chooseTheme, followTheme } from "./theme";

export const theme = $state({ dark: false });

followTheme((dark) => (theme.dark = dark));

export function otherTheme(): void {
  theme.dark = !theme.dark;
  chooseTheme(theme.dark);
}
